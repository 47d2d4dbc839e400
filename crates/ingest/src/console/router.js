// Where the reader is: the address behind the `#` is the only state that a link has to carry.

import { useEffect, useState } from './vendor/preact-htm.js';

const VIEWS = ['overview', 'jobs', 'live', 'watch', 'notifications', 'system'];

/** `#/jobs/7c4b…?status=failed` as `{ view, id, query }`. */
function readAddress() {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [view = '', ...rest] = path.split('/').filter(Boolean).map(decoded);
  return {
    view: VIEWS.includes(view) ? view : view === '' ? 'overview' : 'unknown',
    id: rest.join('/') || null,
    query: new URLSearchParams(search),
  };
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export function addressOf(view, id = null, query = {}) {
  const path = ['#', view === 'overview' ? '' : view, id && encodeURIComponent(id)].filter((part) => part !== null);
  const filled = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const search = new URLSearchParams(filled).toString();
  return path.join('/') + (search && `?${search}`);
}

export function go(address) {
  location.hash = address.slice(1);
}

/** For filters: the way back should lead out of the view, not through every letter that was typed. */
export function replace(address) {
  history.replaceState(null, '', address);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useAddress() {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    const follow = () => setAddress(readAddress());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return address;
}
