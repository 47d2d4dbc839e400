// How it is going: what came in, what is being worked on, whether all parts are up.

import { html, useMemo, useState } from '../vendor/preact-htm.js';
import { keyForCurl, pathWith, useAnswer } from '../api.js';
import { StackedBars, colourOf } from '../chart.js';
import { clipped, count, day, duration, isoDay, moment, percent, rate, zone } from '../format.js';
import { Icon } from '../icons.js';
import { Card, Choice, Command, Empty, Failure, Figure, Loading, Share, Spark, Table, View, breakable } from '../parts.js';
import { addressOf, go } from '../router.js';
import { useStore } from '../store.js';
import { JobRows } from './jobs.js';

const DAY_MS = 86_400_000;
const RANGES = [
  { value: '24h', label: '24 hours', days: 1 },
  { value: '7d', label: '7 days', days: 7 },
  { value: '30d', label: '30 days', days: 30 },
  { value: '90d', label: '90 days', days: 90 },
];
const RANGE_DEFAULT = '30d';
/** For the first day of a server, of which a month would be a single bar. */
const RANGE_FIRST_DAY = '24h';
const HOUR_MS = 3_600_000;
/** Up to so many days are shown by the hour. */
const HOURLY_DAYS_MAX = 4;
const REFRESH_SECONDS = 5;
const LAST_JOBS = 5;
const HOVERED_TYPES_MAX = 6;
const FAILED_NOTIFICATIONS = '/api/v1/notifications?state=failed&limit=100';

export function Overview({ query }) {
  const newest = useAnswer('/v1/events?limit=1', { everySeconds: REFRESH_SECONDS });
  const jobs = useStore((state) => state.jobs);
  const newestAt = newest.data?.items[0]?.timestamp ?? null;
  if (newest.data && newestAt === null && jobs.size === 0) return html`<${FirstSteps} />`;
  return html`<${Busy} query=${query} newestAt=${newestAt} failure=${newest.error} known=${newest.data !== null} />`;
}

/** The range that nobody chose; `null` until it is known. */
function useOwnRange(isChosen, newestAt) {
  const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const stretch = { start: new Date(hour - 30 * DAY_MS).toISOString(), end: new Date(hour - DAY_MS).toISOString(), limit: 1 };
  const older = useAnswer(isChosen ? null : pathWith('/v1/events', stretch));
  if (isChosen || older.error) return RANGE_DEFAULT;
  if (!older.data) return null;
  const isFresh = newestAt !== null && Date.parse(newestAt) > hour - DAY_MS;
  return isFresh && older.data.items.length === 0 ? RANGE_FIRST_DAY : RANGE_DEFAULT;
}

function Busy({ query, newestAt, failure, known }) {
  const own = useOwnRange(query.has('range') || query.has('start'), newestAt);
  const range = rangeOf(query, newestAt, own ?? RANGE_DEFAULT);
  const asked = pathWith('/api/v1/analytics/timeseries', askedOf(range));
  const earlier = useAnswer(known ? pathWith('/v1/events', { end: new Date(range.start).toISOString(), limit: 1 }) : null);
  const series = useAnswer(known && own !== null ? asked : null, { everySeconds: REFRESH_SECONDS });
  const today = pathWith('/analytics/event-counts', { start_date: isoDay(Date.now()), tz: zone });
  return html`
    <${View} title="Overview" curl=${[{ path: asked }, { path: today }]} actions=${html`<${Range} range=${range} />`}>
      <${Failure} error=${failure ?? series.error} again=${series.again} />
      <${Figures} today=${today} />
      <${OverTime} range=${range} answer=${series} failed=${(failure ?? series.error) !== null} earlierAt=${earlier.data?.items[0]?.timestamp ?? null} />
      <div class="columns wide-first">
        <${LastJobs} />
        <${Health} />
      </div>
    <//>
  `;
}

/** With data of last year and none of today, the days around the data are the better picture. */
function rangeOf(query, newestAt, own) {
  const [start, end] = [Date.parse(query.get('start')), Date.parse(query.get('end'))];
  if (start < end) return { name: 'chosen', start, end };
  const { value, days } = RANGES.find((one) => one.value === query.get('range')) ?? RANGES.find((one) => one.value === own);
  const tomorrow = new Date().setHours(24, 0, 0, 0);
  const newest = newestAt === null ? tomorrow : Date.parse(newestAt);
  const isPast = newest < tomorrow - days * DAY_MS;
  const last = isPast ? new Date(newest).setHours(24, 0, 0, 0) : days === 1 ? Math.ceil(Date.now() / HOUR_MS) * HOUR_MS : tomorrow;
  const first = new Date(last);
  first.setDate(first.getDate() - days);
  return { name: value, start: first.getTime(), end: last, upTo: isPast ? newestAt : null };
}

function askedOf({ start, end }) {
  return {
    start_date: new Date(start).toISOString(), end_date: new Date(end).toISOString(),
    interval: isHourly(start, end) ? 'hour' : 'day', tz: zone,
  };
}

const isHourly = (start, end) => end - start <= HOURLY_DAYS_MAX * DAY_MS;

function Range({ range }) {
  const choose = (value) => go(addressOf('overview', null, { range: value }));
  return html`<${Choice} label="Range" name="range" value=${range.name} options=${RANGES} onChange=${choose} />`;
}

function Figures({ today }) {
  const answer = useAnswer(today, { everySeconds: REFRESH_SECONDS });
  const rates = useStore((state) => state.rates);
  const system = useStore((state) => state.system);
  const jobs = useStore((state) => state.jobs);
  const last = rates.at(-1);
  const running = [...jobs.values()].filter((job) => job.status === 'processing');
  const lines = running.reduce((sum, job) => sum + (job.pace?.perSecond ?? 0), 0);
  const backlog = system?.queue.find((lane) => lane.lane === 'events');
  return html`
    <dl class="figures">
      <${Figure} name="Events today" value=${count(answer.data?.total_events)}
        note=${system?.counters.events_rejected > 0 ? `${count(system.counters.events_rejected)} refused since the start` : null} />
      <${Figure} name="Events per second" value=${rate(last?.accepted)}
        note=${html`<${Spark} values=${rates.map((one) => one.accepted)} />`} />
      <${Figure} name="Lines per second" value=${rate(running.length > 0 ? lines : 0)}
        note=${running.length > 0 ? `${running.length} ${running.length === 1 ? 'job' : 'jobs'} running` : 'no job running'} />
      <${Figure} name="Waiting in the queue" value=${count(backlog?.frames)}
        note=${backlog?.oldest_age_seconds ? `oldest ${duration(backlog.oldest_age_seconds)}` : null} />
      <${FailedNotifications} />
      <${Figure} name="Dead letters" value=${count(system?.dead_letters)} tone=${system?.dead_letters > 0 ? 'bad' : null}
        note=${system?.dead_letters > 0 ? html`<a href="#/system">look at them</a>` : null} />
    </dl>
  `;
}

function FailedNotifications() {
  const { data } = useAnswer(FAILED_NOTIFICATIONS, { everySeconds: REFRESH_SECONDS });
  const failed = data?.items.length;
  return html`
    <${Figure} name="Failed messages" value=${data?.next_cursor ? `${count(failed)} +` : count(failed)} tone=${failed > 0 ? 'bad' : null}
      note=${failed > 0 ? html`<a href="#/notifications?state=failed">look at them</a>` : null} />
  `;
}

function OverTime({ range, answer, failed, earlierAt }) {
  const [hidden, setHidden] = useState(() => new Set());
  const [hovered, setHovered] = useState(null);
  const shown = useMemo(() => answer.data && pictureOf(answer.data.points, range), [answer.data]);
  const visible = useMemo(() => shown?.series.filter((one) => !hidden.has(one.name)) ?? [], [shown, hidden]);
  const zoom = (from, to) => {
    const whole = (seconds, round) => new Date(round((seconds * 1000) / HOUR_MS) * HOUR_MS).toISOString();
    go(addressOf('overview', null, { start: whole(from, Math.floor), end: whole(to, Math.ceil) }));
  };
  const toggle = (name) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  const words = `${isHourly(range.start, range.end) ? moment(range.start) : day(range.start)} to ${isHourly(range.start, range.end) ? moment(range.end) : day(range.end - 1)}`;
  const aside = html`
    ${earlierAt && html`<a href=${aroundOf(earlierAt)}><${Icon} name="back" />Earlier, up to ${day(earlierAt)}</a>`}
    ${range.upTo && html`<span class="muted">up to the newest event</span>`}
    <span class="muted">${words}</span>
    ${range.name === 'chosen' && html`<a class="button" href="#/"><${Icon} name="cross" />Leave this range</a>`}
  `;
  return html`
    <${Card} title="Events by type" aside=${aside}>
      ${!shown && (failed ? html`<${Empty} icon="overview" title="Nobody knows just now" />` : html`<${Loading} />`)}
      ${shown && shown.total === 0 && html`
        <${Empty} icon="overview" title="Nothing happened in this range">Choose another one above.<//>`}
      ${shown && shown.total > 0 && html`
        <div class="chart-and-table">
          <div class="chart-side">
            <${StackedBars} times=${shown.times} series=${visible} stepSeconds=${shown.stepSeconds} onHover=${setHovered} onZoom=${zoom}
              label=${`Events by type from ${words}; the table beside it has the figures`} />
            <p class="hint">${hovered === null || hovered === undefined || !shown.times[hovered]
              ? 'Drag across the bars to look closer.'
              : html`<strong>${shown.words(shown.times[hovered])}</strong> ${hoverWords(visible, hovered)}`}</p>
          </div>
          <${Types} shown=${shown} hidden=${hidden} onToggle=${toggle} />
        </div>
        <${Buckets} shown=${shown} series=${visible} />
      `}
    <//>
  `;
}

/** The days that end with the last event before the range. */
function aroundOf(at) {
  const end = new Date(new Date(at).setHours(24, 0, 0, 0));
  const start = new Date(end);
  start.setDate(start.getDate() - RANGES.find((one) => one.value === RANGE_DEFAULT).days);
  return addressOf('overview', null, { start: start.toISOString(), end: end.toISOString() });
}

/** The names that fit beneath the bars; the table has all of them. */
function hoverWords(series, at) {
  const there = series.filter((one) => one.values[at] > 0).sort((one, other) => other.values[at] - one.values[at]);
  if (there.length === 0) return 'nothing';
  const words = there.slice(0, HOVERED_TYPES_MAX).map((one) => `${count(one.values[at])} ${clipped(one.name)}`);
  if (there.length > HOVERED_TYPES_MAX) words.push(`${there.length - HOVERED_TYPES_MAX} more`);
  return words.join(' · ');
}

/** What the answer looks like when it is drawn: one list of values for each type, the most frequent first. */
function pictureOf(points, { start, end }) {
  const hourly = isHourly(start, end);
  const stepSeconds = hourly ? 3600 : 86_400;
  const times = points.map((point) => Date.parse(point.start) / 1000);
  // The first stretch may be a part of one: it is drawn as wide as the others.
  if (times.length > 1) times[0] = times[1] - stepSeconds;
  const totals = new Map();
  for (const { counts } of points) {
    for (const [type, found] of Object.entries(counts)) totals.set(type, (totals.get(type) ?? 0) + found);
  }
  const series = [...totals].sort((one, other) => other[1] - one[1]).map(([name, total]) => ({
    name, total, colour: colourOf(name), values: points.map((point) => point.counts[name] ?? 0),
  }));
  const words = (seconds) => (hourly ? moment(seconds * 1000) : day(seconds * 1000));
  return { times, series, stepSeconds, words, total: series.reduce((sum, one) => sum + one.total, 0) };
}

function Types({ shown, hidden, onToggle }) {
  return html`
    <div class="types">
      <table>
        <caption class="visually-hidden">Events of the range by type</caption>
        <thead><tr><th scope="col">Type</th><th scope="col" class="number events">Events</th><th scope="col" class="number share-of">Share</th></tr></thead>
        <tbody>
          ${shown.series.map((one) => html`
            <tr key=${one.name} data-hidden=${hidden.has(one.name)}>
              <td>
                <label class="type-switch">
                  <input type="checkbox" checked=${!hidden.has(one.name)} onChange=${() => onToggle(one.name)} data-series=${one.colour} />
                  <bdi class="type-name" title=${one.name}>${breakable(one.name)}</bdi>
                </label>
                <${Share} part=${one.total} all=${shown.series[0].total} colour=${one.colour} />
              </td>
              <td class="number">${count(one.total)}</td>
              <td class="number muted">${percent(one.total, shown.total)}</td>
            </tr>
          `)}
        </tbody>
        <tfoot><tr><th scope="row">All</th><td class="number">${count(shown.total)}</td><td></td></tr></tfoot>
      </table>
    </div>
  `;
}

function Buckets({ shown, series }) {
  const [open, setOpen] = useState(false);
  const rows = open ? shown.times.map((time, at) => ({ time, at })).filter(({ at }) => series.some((one) => one.values[at] > 0)) : [];
  const columns = [
    { name: shown.stepSeconds === 3600 ? 'Hour' : 'Day', cell: ({ time }) => shown.words(time) },
    ...series.map((one) => ({ name: one.name, clientsName: true, align: 'right', cell: ({ at }) => count(one.values[at]) })),
  ];
  return html`
    <details class="behind" open=${open} onToggle=${({ target }) => setOpen(target.open)}>
      <summary>The figures behind the bars</summary>
      ${open && html`<${Table} caption="Events by type over time" columns=${columns} rows=${rows} keyOf=${(row) => row.time} />`}
    </details>
  `;
}

function LastJobs() {
  const jobs = useStore((state) => state.jobs);
  const last = [...jobs.values()].filter((job) => job.file_name)
    .sort((one, other) => (one.created_at < other.created_at ? 1 : -1)).slice(0, LAST_JOBS);
  return html`
    <${Card} title="Last jobs" flush aside=${html`<a href="#/jobs">All jobs<${Icon} name="next" /></a>`}>
      ${last.length === 0
        ? html`<${Empty} icon="file" title="No file was uploaded yet">Drop one anywhere on this page.<//>`
        : html`<${JobRows} jobs=${last} />`}
    <//>
  `;
}

const PARTS = { database: 'Database', queue: 'Queue', store: 'File store' };

function Health() {
  const system = useStore((state) => state.system);
  if (!system) return html`<${Card} title="Health"><${Loading} /><//>`;
  return html`
    <${Card} title="Health" aside=${html`<a href="#/system">System<${Icon} name="next" /></a>`}>
      <ul class="health">
        ${Object.entries(system.parts).map(([part, { status, latency_ms: latency }]) => html`
          <li key=${part}>
            <span class="dot" data-tone=${status === 'up' ? 'good' : 'bad'}></span>
            <span>${PARTS[part] ?? part}</span>
            <span class="muted">${status === 'up' ? `${latency < 1 ? '< 1' : latency} ms` : 'down'}</span>
          </li>
        `)}
        <${Workers} replicas=${system.replicas} />
      </ul>
      <p class="small muted">${system.mode}<br />Version ${system.version}, up for ${duration((Date.parse(system.at) - Date.parse(system.started_at)) / 1000)}</p>
    <//>
  `;
}

/** Without one, what is accepted waits. */
function Workers({ replicas }) {
  if (!replicas || replicas.length === 0) return null;
  const alive = replicas.filter((one) => one.slots !== null).length;
  return html`<li><span class="dot" data-tone=${alive > 0 ? 'good' : 'bad'}></span><span>Workers</span><span class="muted">${alive > 0 ? count(alive) : 'none is alive'}</span></li>`;
}

function FirstSteps() {
  const origin = location.origin;
  const heartbeat = ['curl', '-s', ...keyForCurl(), `-d '{"user":"ada","slug":"first-film","at":4500}' ${origin}/`].join(' ');
  return html`
    <${View} title="Welcome" lead="All is running and empty. Three ways to bring it to life:">
      <ol class="steps">
        <li>
          <h2>Send an event</h2>
          <p>A heartbeat of somebody who watches a film. Any JSON with a user and a type will do as well.</p>
          <${Command} text=${heartbeat} />
        </li>
        <li>
          <h2>Upload a file</h2>
          <p>Log lines or events, one JSON object per line. Drop it anywhere on this page, or:</p>
          <${Command} text=${`event-horizon upload app.jsonl --url ${origin} --follow`} />
        </li>
        <li>
          <h2>Make sample data</h2>
          <p>A month of views, clicks and locations, as a file that you can drop here.</p>
          <${Command} text="event-horizon generate --events 5000 --out sample.jsonl" />
        </li>
      </ol>
      <p class="muted">Or open the <a href="/demo/">demo page</a> and click: it sends events from your browser. All calls are in the <a href="/docs/">API description</a>.</p>
    <//>
  `;
}
