// Asking the server, and saying what it answered.

import { useCallback, useEffect, useRef, useState } from './vendor/preact-htm.js';
import { admission, headersOf, shownKey, turnAway, wantsKey } from './door.js';

export class Refusal extends Error {
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? null;
    this.requestId = problem.request_id ?? null;
    this.errors = problem.errors ?? [];
  }
}

export async function call(path, options) {
  const answer = await ask(path, options);
  return answer.status === 204 ? null : bodyOf(answer);
}

/** A good answer, as it came. */
export async function ask(path, options) {
  const answer = await answerOf(path, options);
  if (!answer.ok) throw new Refusal(await bodyOf(answer), answer.status);
  return answer;
}

/** Whatever is answered, but for the wish for a key: what only looks waits until somebody has signed in. */
export async function answerOf(path, { method = 'GET', acts = method !== 'GET', body, signal, headers = {} } = {}) {
  const asJson = body !== undefined && typeof body !== 'string';
  for (;;) {
    await admission(signal);
    const key = shownKey();
    const answer = await fetched(path, {
      method,
      signal,
      headers: { accept: 'application/json', ...(asJson && { 'content-type': 'application/json' }), ...headersOf(key), ...headers },
      body: asJson ? JSON.stringify(body) : body,
    });
    if (answer.status !== 401 || !wantsKey(await bodyOf(answer.clone()))) return answer;
    turnAway(key);
    // Whoever signs in next may be somebody else, and should not be the one who did this.
    if (acts) throw new Refusal({ detail: 'The key did not open this. Sign in, and do it again.' }, answer.status);
  }
}

async function fetched(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal({ detail: 'The server cannot be reached.' }, 0);
  }
}

async function bodyOf(answer) {
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    // Whatever stands between us and the server refuses in words of its own.
    if (!answer.ok) return {};
    throw new Refusal({ detail: 'The answer of the server broke off.' }, 0);
  }
}

export function pathWith(path, query) {
  const filled = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const search = new URLSearchParams(filled).toString();
  return search ? `${path}?${search}` : path;
}

/** Keeps the last answer on the screen while the next one is under way. A path of `null` asks nothing. */
export function useAnswer(path, { everySeconds = null } = {}) {
  const [answer, setAnswer] = useState({ path: null, data: null, error: null });
  const [turn, setTurn] = useState(0);
  const again = useCallback(() => setTurn((count) => count + 1), []);
  useEffect(() => {
    if (path === null) return undefined;
    const asking = new AbortController();
    let timer = null;
    const ask = async () => {
      // Nobody looks at a page in the background.
      if (!document.hidden) {
        try {
          const data = await call(path, { signal: asking.signal });
          setAnswer({ path, data, error: null });
        } catch (error) {
          if (error.name === 'AbortError') return;
          setAnswer((last) => ({ path, data: last.path === path ? last.data : null, error }));
        }
      }
      if (everySeconds !== null) timer = setTimeout(ask, everySeconds * 1000);
    };
    ask();
    return () => {
      asking.abort();
      clearTimeout(timer);
    };
  }, [path, turn, everySeconds]);
  const isOld = answer.path !== path;
  return { data: answer.data, error: isOld ? null : answer.error, loading: path !== null && isOld, again };
}

/** A list that grows page by page; looking again keeps what was loaded. */
export function usePages(path, { everySeconds = null } = {}) {
  const first = useAnswer(path, { everySeconds });
  const [more, setMore] = useState({ path, items: [], cursor: null, loading: false, error: null });
  const current = more.path === path ? more : { path, items: [], cursor: null, loading: false, error: null };
  const latest = useRef(path);
  latest.current = path;
  const firstItems = first.loading ? [] : (first.data?.items ?? []);
  const cursor = current.items.length > 0 ? current.cursor : (first.data?.next_cursor ?? null);
  const loadMore = async () => {
    setMore({ ...current, loading: true, error: null });
    try {
      const page = await call(`${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`);
      if (latest.current !== path) return;
      setMore({ path, items: [...current.items, ...page.items], cursor: page.next_cursor, loading: false, error: null });
    } catch (error) {
      setMore({ ...current, loading: false, error });
    }
  };
  return {
    ...first,
    items: [...firstItems, ...current.items],
    error: first.error ?? current.error,
    hasMore: cursor !== null && !first.loading,
    loadMore,
    loadingMore: current.loading,
  };
}

/** The same call for a terminal, which keeps the key in a variable. */
export function curlOf({ method = 'GET', path, body, headers = {} }) {
  const words = ['curl', '-s', ...keyForCurl()];
  if (method !== 'GET') words.push('-X', method);
  for (const [name, value] of Object.entries(headers)) words.push('-H', quoted(`${name}: ${value}`));
  if (body !== undefined) {
    if (typeof body !== 'string') words.push('-H', quoted('content-type: application/json'));
    words.push('-d', quoted(typeof body === 'string' ? body : JSON.stringify(body)));
  }
  words.push(quoted(location.origin + path));
  return words.join(' ');
}

/** In quotes that let the shell fill it in. */
export const keyForCurl = () => (shownKey() === null ? [] : ['-H', '"authorization: Bearer $EH_API_KEY"']);

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
