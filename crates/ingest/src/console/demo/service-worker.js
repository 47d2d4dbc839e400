// Takes events from the page and posts them. It keeps nothing: no cache, no fetch listener.

self.addEventListener('install', (event) => {
  // A newer worker does not wait until every page of the old one is closed.
  event.waitUntil(self.skipWaiting());
});

self.addEventListener('activate', (event) => {
  // The page that registered it may talk to it at once, without being loaded again.
  event.waitUntil(self.clients.claim());
});

self.addEventListener('message', (event) => {
  const { type, server, body } = event.data ?? {};
  if (type !== 'event') return;
  // The worker stays alive until the answer is there, whatever becomes of the page.
  event.waitUntil(post(server, body).then((outcome) => event.ports[0]?.postMessage(outcome)));
});

async function post(server, body) {
  try {
    const answer = await fetch(`${server}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, answer: await answer.json() };
  } catch (error) {
    return { status: 0, answer: { detail: String(error) } };
  }
}
