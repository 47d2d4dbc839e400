// One socket for the whole page. Where it does not come up, or falls, the same things are asked for from time to time.

import { call } from './api.js';
import { admission, atTheDoor, isTurnedAway, shownKey } from './door.js';
import { addEvents, addRate, change, hasEnded, learnJobs, now } from './store.js';

const POLL_SECONDS = 2;
const SYSTEM_SECONDS = 5;
const TAIL_EVENTS = 50;
const JOBS_LOOKED_AT = 20;
/** A second failure in a row means that there is no socket to be had just now. */
const FAILURES_UNTIL_POLLING = 2;
const RECONNECT_SECONDS = [0.5, 1, 2, 5, 10, 15];
/** Counters come every second; a socket that is silent for so long is dead. */
const SILENCE_SECONDS_MAX = 6;

let socket = null;
let failures = 0;
let lastCounters = null;

export function start() {
  connect();
  poll();
  lookAtSystem();
  addEventListener('online', () => isTurnedAway() || change({ connection: 'reconnecting' }));
  atTheDoor({
    closed: () => {
      change({ connection: 'closed' });
      socket?.close();
    },
    opened: () => {
      failures = 0;
      change({ connection: 'connecting' });
    },
  });
}

async function connect() {
  try {
    await admission();
    follow(await ticket());
  } catch {
    fall();
  }
}

/** A browser shows no key with a handshake. */
async function ticket() {
  if (shownKey() === null) return '';
  const given = await call('/api/v1/tickets', { method: 'POST', acts: false, body: {} });
  return `?ticket=${given.ticket}`;
}

function follow(query) {
  const opened = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/live${query}`);
  socket = opened;
  let silence = null;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => opened.close(), SILENCE_SECONDS_MAX * 1000);
  };
  opened.onopen = () => {
    failures = 0;
    change({ connection: 'live' });
    heard();
    // What happened in between is in the tables.
    catchUp();
  };
  opened.onmessage = ({ data }) => {
    heard();
    receive(JSON.parse(data));
  };
  opened.onclose = () => {
    clearTimeout(silence);
    fall();
  };
}

function fall() {
  failures += 1;
  if (!isTurnedAway()) change({ connection: failures < FAILURES_UNTIL_POLLING ? 'reconnecting' : 'polling' });
  const wait = RECONNECT_SECONDS[Math.min(failures - 1, RECONNECT_SECONDS.length - 1)];
  setTimeout(connect, wait * 1000);
}

function receive(frame) {
  if (frame.type === 'events') addEvents(frame.events, frame.skipped);
  else if (frame.type === 'counters') learnCounters(frame);
  else if (frame.type === 'missed') catchUp();
  else if (frame.type === 'jobs') {
    learnJobs(frame.jobs);
    // Of those that are new, and of those that have ended, there is more to know than a frame holds.
    const asked = frame.jobs.filter((job) => hasEnded(job) || !now().jobs.get(job.job_id)?.file_name);
    for (const job of asked) lookAtJob(job.job_id);
  }
}

function learnCounters(counters) {
  const before = lastCounters;
  lastCounters = counters;
  if (!before) return;
  const seconds = (Date.parse(counters.at) - Date.parse(before.at)) / 1000;
  if (seconds <= 0) return;
  const fresh = (name) => Math.max(0, counters[name] - before[name]) / seconds;
  addRate({ accepted: fresh('events_accepted'), rejected: fresh('events_rejected') });
}

export async function lookAtJob(id) {
  try {
    learnJobs([await call(`/api/v1/jobs/${id}`)]);
  } catch {
    // It will be in the list.
  }
}

async function catchUp() {
  await Promise.allSettled([lookAtJobs(), lookAtEvents()]);
}

async function poll() {
  if (now().connection !== 'live' && !document.hidden) {
    const asked = [lookAtJobs(), lookAtEvents(), lookAtSystemOnce().then(() => countFromSystem())];
    const [jobs] = await Promise.allSettled(asked);
    if (now().connection !== 'live') {
      const reached = jobs.status === 'fulfilled';
      if (!reached) change({ connection: 'offline' });
      else if (failures >= FAILURES_UNTIL_POLLING) change({ connection: 'polling' });
    }
  }
  setTimeout(poll, POLL_SECONDS * 1000);
}

async function lookAtJobs() {
  const page = await call(`/api/v1/jobs?limit=${JOBS_LOOKED_AT}`);
  learnJobs(page.items);
  const listed = new Set(page.items.map((job) => job.job_id));
  const running = [...now().jobs.values()].filter((job) => !hasEnded(job) && !listed.has(job.job_id));
  await Promise.all(running.map((job) => lookAtJob(job.job_id)));
}

/** The newest by time of event; the socket tells the newest by receipt. */
async function lookAtEvents() {
  const page = await call(`/v1/events?limit=${TAIL_EVENTS}`);
  addEvents(page.items);
}

async function lookAtSystemOnce() {
  change({ system: await call('/api/v1/system') });
}

function countFromSystem() {
  const system = now().system;
  if (system) learnCounters({ ...system.counters, at: system.at });
}

async function lookAtSystem() {
  if (!document.hidden) await lookAtSystemOnce().catch(() => {});
  setTimeout(lookAtSystem, SYSTEM_SECONDS * 1000);
}
