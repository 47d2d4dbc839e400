// Sends a view when the page is opened, a click and a location when asked to: through the service worker where the
// browser allows one, by itself where it does not (a page that was opened as a file has none).

const SERVER_DEFAULT = 'http://localhost:8000';
const LOCATION_PATIENCE_MS = 10_000;
const SENT_SHOWN_MAX = 50;

const element = (id) => document.getElementById(id);

/** Served by Event Horizon it talks to whoever served it; from elsewhere, to whom the address names (`?server=…`). */
const served = location.protocol.startsWith('http') && location.pathname.startsWith('/demo/');
let server = served
  ? location.origin
  : (serverOf(new URLSearchParams(location.search).get('server')) ?? SERVER_DEFAULT);

/** `#key=eh_write_…`. Any other kind is too good for an address: who may see everything should not stand in a history. */
const KEY_FORM = /^eh_write_[0-9a-f]{16}_[0-9a-f]{64}$/;
const keyShown = () => new URLSearchParams(location.hash.slice(1)).get('key');

function keyOf(text) {
  return KEY_FORM.test(text ?? '') ? text : null;
}
let key = keyOf(keyShown());

/** What can be asked over HTTP, or `null`: a link to anything else could run what a stranger wrote into the address. */
function serverOf(text) {
  try {
    const { protocol, origin, pathname } = new URL(text);
    return ['http:', 'https:'].includes(protocol) ? `${origin}${pathname}`.replace(/\/+$/, '') : null;
  } catch {
    return null;
  }
}

/** One name for this browser, so that its events belong together. */
function userOf() {
  const fresh = `visitor-${Math.random().toString(36).slice(2, 8)}`;
  try {
    const known = localStorage.getItem('eh-demo-user') ?? fresh;
    localStorage.setItem('eh-demo-user', known);
    return known;
  } catch {
    return fresh;
  }
}
const user = userOf();

/** The active worker, or `null` where there can be none. */
const worker = (async () => {
  if (!('serviceWorker' in navigator) || !location.protocol.startsWith('http')) return null;
  try {
    await navigator.serviceWorker.register('service-worker.js');
    const { active } = await navigator.serviceWorker.ready;
    return active;
  } catch {
    return null;
  }
})();

worker.then((active) => {
  element('way').textContent = active
    ? 'Events go through the service worker.'
    : 'There is no service worker here (a page opened as a file has none), so the page posts by itself.';
});

async function send(eventType, payload) {
  const body = { user_id: user, event_type: eventType, payload };
  const active = await worker;
  const outcome = active ? await throughWorker(active, body) : await byItself(body);
  show(body, outcome, active ? 'service worker' : 'page');
  sayWhetherAKeyIsWanted(outcome.status);
}

function sayWhetherAKeyIsWanted(status) {
  element('key-wanted').hidden = status !== 401;
  element('key-place').textContent = `${pageOf()}#key=eh_write_…`;
  element('key-why').textContent = key ? 'The one in the address opens nothing: it is mistyped, unknown, revoked, or has expired.'
    : keyShown() ? 'What the address holds is no key of the kind write, so it was not sent.' : 'The address holds none.';
}

function throughWorker(active, body) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    active.postMessage({ type: 'event', server, key, body }, [port2]);
  });
}

async function byItself(body) {
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

function show({ event_type: type, payload }, { status, answer }, by) {
  const accepted = status === 202;
  const row = document.createElement('li');
  row.dataset.state = accepted ? 'accepted' : 'refused';
  const add = (tag, text) => {
    const part = document.createElement(tag);
    part.textContent = text;
    row.append(part);
  };
  add('strong', type);
  add('span', accepted ? `accepted as ${answer.event_id}` : status === 0
    ? `not sent: nobody answers at ${server}`
    : `refused with ${status}: ${answer.detail ?? answer.title ?? ''}`);
  add('code', JSON.stringify(payload));
  add('small', `by the ${by}, ${new Date().toLocaleTimeString()}`);
  element('sent').prepend(row);
  while (element('sent').children.length > SENT_SHOWN_MAX) element('sent').lastElementChild.remove();
}

/** Without what stands behind the `#`: a key is not part of what is told. */
const pageOf = () => location.href.split('#')[0];

function say(text) {
  element('way').textContent = text;
}

/** Where a button is in the page, as the worker of an analytics script would say it. */
function pathOf(node) {
  if (node.id) return `//*[@id="${node.id}"]`;
  return node.parentElement ? `${pathOf(node.parentElement)}/${node.localName}` : `/${node.localName}`;
}

element('click-me').addEventListener('click', ({ currentTarget: button }) => {
  send('click', { element_id: button.id, text: button.textContent.trim(), xpath: pathOf(button) });
});

element('get-location').addEventListener('click', () => {
  if (!navigator.geolocation) {
    say('This browser tells no page where it is.');
    return;
  }
  say('Asking the browser where it is…');
  navigator.geolocation.getCurrentPosition(
    ({ coords: { latitude, longitude, accuracy } }) => {
      say('The browser told where it is.');
      send('location', { latitude, longitude, accuracy });
    },
    ({ message }) => say(`The browser did not tell where it is: ${message}`),
    { timeout: LOCATION_PATIENCE_MS },
  );
});

function aim(at) {
  server = at;
  element('server').value = server;
  element('to-live').href = `${server}/#/live`;
  element('to-docs').href = `${server}/docs/`;
}

element('server-form').hidden = served;
element('server-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = serverOf(element('server').value.trim());
  if (wanted === null) {
    say('That is not the address of a web server.');
    return;
  }
  aim(wanted);
  say(`Events go to ${server} from now on.`);
});

addEventListener('hashchange', () => {
  key = keyOf(keyShown());
  say(key ? 'Events carry the key in the address from now on.' : 'Events carry no key from now on.');
});

aim(server);
send('view', { url: pageOf(), title: document.title });
