// The way in, where the server requires keys: the one that this tab shows, and whoever waits for one.

import { change, now } from './store.js';

/** Of the tab alone: with it the key is forgotten. */
const KEPT_AS = 'eh-api-key';
const FORM = /^eh_(write|upload|read|admin)_([0-9a-f]{16})_[0-9a-f]{64}$/;
/** Needs a key that may see, and asks no table. */
const FIRST_QUESTION = '/api/v1/rules';
const MAY_SEE = ['read', 'admin'];
/** A gateway in front of the server may refuse as well, and knows nothing of keys. */
const REFUSALS = ['key_required', 'invalid_key'];

let shown = kept();
/** While the server has turned this page away. */
let waiting = null;
const followers = [];

change({ key: keyOf(shown) });

/** A browser that keeps nothing forgets it with the page. */
function kept() {
  try {
    const text = sessionStorage.getItem(KEPT_AS);
    return keyOf(text) && text;
  } catch {
    return null;
  }
}

function keep(text) {
  shown = text;
  try {
    if (text === null) sessionStorage.removeItem(KEPT_AS);
    else sessionStorage.setItem(KEPT_AS, text);
  } catch {
    // Then it lives as long as the page.
  }
}

/** What of a key is no secret. */
function keyOf(text) {
  const [, kind, id] = FORM.exec(text ?? '') ?? [];
  return kind ? { kind, id } : null;
}

export const shownKey = () => shown;

export const headersOf = (key) => (key === null ? {} : { authorization: `Bearer ${key}` });

/** Until somebody is let in: no time at all, unless the server has asked for a key. */
export async function admission(signal) {
  if (!waiting) return;
  const gone = new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  await Promise.race([waiting.promise, gone]);
}

export const isTurnedAway = () => waiting !== null;

export const wantsKey = ({ code }) => REFUSALS.includes(code);

/** The server did not take the key that was shown. If there is another one by now, that may do better. */
export function turnAway(key) {
  if (waiting || key !== shown) return;
  const last = now().key;
  keep(null);
  waiting = Promise.withResolvers();
  change({ key: null, turnedAway: { last } });
  for (const { closed } of followers) closed?.();
}

/** What is to be done when the page is turned away (`closed`), and when it is let in again (`opened`). */
export function atTheDoor(follower) {
  followers.push(follower);
}

/** Returns what is wrong with it; nothing, if it opens. */
export async function signIn(text) {
  const key = keyOf(text);
  if (!key) return 'That is no key: one reads eh_read_ or eh_admin_, then 16 and 64 digits with another _ between them.';
  if (!MAY_SEE.includes(key.kind)) return `A key of the kind ${key.kind} sees nothing here; it takes one of the kind read or admin.`;
  const refused = await refusalOf(text);
  if (refused) return refused;
  keep(text);
  change({ key, turnedAway: null });
  waiting?.resolve();
  waiting = null;
  for (const { opened } of followers) opened?.();
  return null;
}

async function refusalOf(text) {
  let answer;
  try {
    answer = await fetch(FIRST_QUESTION, { headers: { accept: 'application/json', ...headersOf(text) } });
  } catch {
    return 'The server cannot be reached.';
  }
  if (answer.ok) return null;
  if (answer.status === 401) return `The key ${keyOf(text).id} opens nothing here: it is mistyped, unknown, revoked, or has expired.`;
  const said = await answer.json().catch(() => ({}));
  return said.detail ?? `The server answered ${answer.status}.`;
}

/** Nothing that was seen stays on the screen. */
export function signOut() {
  keep(null);
  location.reload();
}
