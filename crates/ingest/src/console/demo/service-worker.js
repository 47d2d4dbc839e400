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
  const { type, server, key, body } = event.data ?? {};
  if (type !== 'event') return;
  // The worker stays alive until the answer is there, whatever becomes of the page.
  event.waitUntil(post(server, key, body).then((outcome) => event.ports[0]?.postMessage(outcome)));
});

async function post(server, key, body) {
  try {
    const answer = await fetch(`${server}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
    });
    return { status: answer.status, answer: await answer.json() };
  } catch (error) {
    return { status: 0, answer: { detail: String(error) } };
  }
}
