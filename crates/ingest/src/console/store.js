// What the whole page knows. One object; whoever reads a part of it is drawn again when that part changes.

import { useEffect, useState } from './vendor/preact-htm.js';

/** A tail is for watching: whoever looks for something older asks for it. */
const EVENTS_KEPT_MAX = 500;
const RATES_KEPT_MAX = 60;
const PACE_MS = 8000;

let state = {
  /** `connecting`, `live`, `reconnecting`, `polling`, `offline` or `closed`. */
  connection: 'connecting',
  /** Of the API key in use its kind and id. */
  key: null,
  /** While the server wants a key: with the last one, if there was one. */
  turnedAway: null,
  /** The last answer of `/api/v1/system`. */
  system: null,
  /** Newest first. */
  events: [],
  /** Events that went by too fast to be shown. */
  eventsSkipped: 0,
  /** What happened in each of the last seconds, oldest first. */
  rates: [],
  /** By id, never going back. */
  jobs: new Map(),
  uploads: [],
  announcement: '',
};

const listeners = new Set();

export const now = () => state;

export function change(part) {
  state = { ...state, ...part };
  for (const listener of listeners) listener();
}

export function useStore(select) {
  const [, redraw] = useState({});
  const selected = select(state);
  useEffect(() => {
    let last = selected;
    const look = () => {
      const next = select(state);
      if (next !== last) {
        last = next;
        redraw({});
      }
    };
    listeners.add(look);
    look();
    return () => listeners.delete(look);
  }, []);
  return selected;
}

/** Says it to those who listen instead of looking. */
export function announce(text) {
  change({ announcement: text });
}

export function addEvents(fresh, skipped = 0) {
  const known = new Set(state.events.map((event) => event.event_id));
  const added = fresh.filter((event) => !known.has(event.event_id));
  if (added.length === 0 && skipped === 0) return;
  change({
    events: [...added, ...state.events].slice(0, EVENTS_KEPT_MAX),
    eventsSkipped: state.eventsSkipped + skipped,
  });
}

export function addRate(rate) {
  change({ rates: [...state.rates, rate].slice(-RATES_KEPT_MAX) });
}

const FINAL = ['completed', 'failed', 'cancelled'];

export const hasEnded = (job) => FINAL.includes(job.status);

/** News may overtake each other: a number never jumps back while a job runs. */
export function learnJobs(news) {
  const jobs = new Map(state.jobs);
  let changed = false;
  for (const heard of news) {
    const known = jobs.get(heard.job_id);
    if (known && !isNewer(heard, known)) continue;
    const merged = { ...known, ...heard };
    jobs.set(heard.job_id, { ...merged, pace: paceOf(merged, known) });
    tellQuarters(merged, known);
    changed = true;
  }
  if (changed) change({ jobs });
}

/** A frame and an answer of the same moment tell different things of it. */
const isNewer = (heard, known) => heard.version >= known.version;

/** Lines per second over the last few seconds: work is told in leaps. */
function paceOf(job, known) {
  const at = performance.now();
  const before = known?.pace;
  if (hasEnded(job)) return { looks: [], perSecond: null };
  const looks = [...(before?.looks ?? []).filter((look) => at - look.at < PACE_MS), { at, lines: job.lines_done }];
  const seconds = (at - looks[0].at) / 1000;
  if (seconds < 1) return { looks, perSecond: before?.perSecond ?? null };
  return { looks, perSecond: (job.lines_done - looks[0].lines) / seconds };
}

function tellQuarters(job, known) {
  if (!known || !job.file_name) return;
  const quarter = (of) => Math.floor(of.progress_percent / 25);
  if (hasEnded(job) && !hasEnded(known)) announce(`${job.file_name}: ${job.status}`);
  else if (quarter(job) > quarter(known)) announce(`${job.file_name}: ${quarter(job) * 25} percent`);
}
