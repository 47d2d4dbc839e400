// Files on their way from this page to the server.

import { Refusal } from './api.js';
import { atTheDoor, headersOf, isTurnedAway, shownKey, turnAway, wantsKey } from './door.js';
import { lookAtJob } from './live.js';
import { announce, change, now } from './store.js';

/** The server takes more, but a second one at most fills the line. */
const UPLOADS_AT_ONCE = 2;

let nextKey = 1;

export function upload(files) {
  const added = [...files].map((file) => ({
    key: nextKey++, file, name: file.name, size: file.size, sent: 0, state: 'waiting', jobId: null, error: null,
  }));
  if (added.length === 0) return;
  change({ uploads: [...added, ...now().uploads] });
  announce(added.length === 1 ? `Uploading ${added[0].name}` : `Uploading ${added.length} files`);
  sendNext();
}

export function dismiss(key) {
  const found = now().uploads.find((one) => one.key === key);
  found?.request?.abort();
  change({ uploads: now().uploads.filter((one) => one.key !== key) });
  sendNext();
}

export function sendAgain(key) {
  move(key, { state: 'waiting', sent: 0, error: null });
  sendNext();
}

function move(key, part) {
  change({ uploads: now().uploads.map((one) => (one.key === key ? { ...one, ...part } : one)) });
}

function sendNext() {
  if (isTurnedAway()) return;
  const sending = now().uploads.filter((one) => one.state === 'sending').length;
  // The oldest first: new ones are put in front.
  const next = now().uploads.findLast((one) => one.state === 'waiting');
  if (!next || sending >= UPLOADS_AT_ONCE) return;
  send(next);
  sendNext();
}

/** `fetch` says nothing of what was sent so far. */
function send({ key, file }) {
  const request = new XMLHttpRequest();
  const apiKey = shownKey();
  move(key, { state: 'sending', request });
  request.upload.onprogress = ({ loaded }) => move(key, { sent: Math.min(loaded, file.size) });
  request.onload = () => finish(key, file, request, apiKey);
  request.onerror = () => fail(key, file, new Refusal({ detail: 'The connection broke while the file was sent.' }, 0));
  request.open('POST', '/api/v1/files/upload');
  for (const [name, value] of Object.entries({ accept: 'application/json', ...headersOf(apiKey) })) request.setRequestHeader(name, value);
  const form = new FormData();
  form.append('file', file, file.name);
  request.send(form);
}

function finish(key, file, request, apiKey) {
  let said = {};
  try {
    said = JSON.parse(request.responseText);
  } catch {
    // Whatever stood between us and the server answered something else.
  }
  if (wantsKey(said)) {
    move(key, { state: 'waiting', sent: 0 });
    turnAway(apiKey);
    return sendNext();
  }
  if (request.status !== 202) return fail(key, file, new Refusal(said, request.status));
  move(key, { state: 'sent', sent: file.size, jobId: said.job_id });
  lookAtJob(said.job_id);
  return sendNext();
}

function fail(key, file, error) {
  move(key, { state: 'failed', error });
  announce(`${file.name} was not taken: ${error.message}`);
  sendNext();
}

atTheDoor({ opened: sendNext });

/** The whole page takes files. Tells whether something is held over it. */
export function takeDrops(onHover) {
  let depth = 0;
  const holdsFiles = (event) => event.dataTransfer?.types.includes('Files');
  const hover = (change) => {
    depth = Math.max(0, depth + change);
    onHover(depth > 0);
  };
  addEventListener('dragenter', (event) => holdsFiles(event) && hover(1));
  addEventListener('dragleave', (event) => holdsFiles(event) && hover(-1));
  addEventListener('dragover', (event) => holdsFiles(event) && event.preventDefault());
  addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    hover(-depth);
    location.hash = '#/jobs';
    upload(event.dataTransfer.files);
  });
}
