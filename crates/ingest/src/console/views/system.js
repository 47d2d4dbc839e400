// The server itself: what it is, how it does, what it could not apply.

import { html } from '../vendor/preact-htm.js';
import { call, useAnswer, usePages } from '../api.js';
import { bytes, count, duration, moment, percent } from '../format.js';
import { Icon } from '../icons.js';
import { Action, Ago, Bar, Card, Empty, Facts, Failure, Figure, Loading, More, Name, Table, View, Whole } from '../parts.js';
import { useStore } from '../store.js';

const SYSTEM = '/api/v1/system';
const DEAD_LETTERS = '/api/v1/dead-letters';
const REFRESH_SECONDS = 3;
const PARTS = { database: 'Database', queue: 'Queue', store: 'File store' };

export function System() {
  const answer = useAnswer(SYSTEM, { everySeconds: REFRESH_SECONDS });
  const system = answer.data;
  return html`
    <${View} title="System" curl=${[{ path: SYSTEM }, { path: DEAD_LETTERS }]} lead=${system?.mode}>
      <${Failure} error=${answer.error} again=${answer.again} />
      ${!system && answer.loading && html`<${Loading} />`}
      ${system && html`
        <dl class="figures">
          ${Object.entries(system.parts).map(([part, { status, latency_ms: latency }]) => html`
            <${Figure} key=${part} name=${PARTS[part] ?? part} tone=${status === 'up' ? 'good' : 'bad'}
              value=${status} note=${status === 'up' ? `answers in ${latency < 1 ? '< 1' : latency} ms` : 'does not answer'} />
          `)}
          <${Figure} name="Accepted here" value=${count(system.counters.events_accepted)} note="events since the start" />
          <${Figure} name="Refused here" value=${count(system.counters.events_rejected)} note="events since the start" />
        </dl>
      `}
      ${system && html`
        <${Replicas} system=${system} />
        <${Storage} storage=${system.storage} />
      `}
      <${DeadLetters} known=${system?.dead_letters} />
      ${system && html`
        <div class="columns">
          <${Settings} settings=${system.settings} />
          <div class="stack">
            <${Process} system=${system} />
            <${Waiting} system=${system} />
            <${Connections} connections=${system.connections} />
          </div>
        </div>
      `}
    <//>
  `;
}

/** A link shows no key. */
function Metrics() {
  const key = useStore((state) => state.key);
  return key ? html`figures for Prometheus at <code>/metrics</code>` : html`<a href="/metrics">figures for Prometheus</a>`;
}

function Process({ system }) {
  const jobs = Object.entries(system.jobs).filter(([, found]) => found > 0);
  return html`
    <${Card} title="This process">
      <${Facts} facts=${[
        ['Version', system.version],
        ['Started', moment(system.started_at)],
        ['Up for', duration((Date.parse(system.at) - Date.parse(system.started_at)) / 1000)],
        ['Jobs', system.dead_letters === null ? '–' : jobs.length > 0 ? jobs.map(([status, found]) => `${count(found)} ${status}`).join(', ') : 'none yet'],
        ['More', html`<span><a href="/docs/">API</a>, <${Metrics} />, <a href="/problems">all problems</a>, <a href="/demo/">demo page</a></span>`],
      ]} />
    <//>
  `;
}

const ROLES = { serve: 'everything', ingest: 'ingest', worker: 'worker' };
/** Enough of a name to find it in the log. */
const NAME_CHARS = 15;

function Replicas({ system: { replicas, at } }) {
  const columns = [
    { name: 'Process', cell: (row) => html`<strong>${ROLES[row.role] ?? row.role}</strong> <code class="muted" title=${row.name}>${row.name.slice(0, NAME_CHARS)}</code>` },
    { name: 'Busy slots', cell: (row) => html`<${Slots} of=${row} />` },
    { name: 'Up for', align: 'right', cell: (row) => duration(Math.max(0, (Date.parse(at) - Date.parse(row.started_at)) / 1000)) },
    { name: 'Seen', align: 'right', cell: (row) => html`<${Ago} at=${row.seen_at} from=${at} />` },
    { name: 'Version', cell: (row) => row.version },
    { name: 'Host', wide: true, cell: (row) => html`<${Name} of=${row.host ?? '–'} />` },
  ];
  const works = replicas?.some((row) => row.slots !== null);
  return html`
    <${Card} title="Processes" flush aside=${replicas && html`<span class="muted">${count(replicas.length)} alive</span>`}>
      ${replicas === null && html`<${Empty} icon="warning" small title="Nobody knows just now">Processes say in the database that they are alive, and it is away.<//>`}
      ${replicas?.length > 0 && !works && html`<div class="failure" role="alert"><${Icon} name="warning" /><div><p>No worker is alive: what is accepted waits in the queue.</p></div></div>`}
      ${replicas && html`<${Table} caption="Processes that are alive" columns=${columns} rows=${replicas} keyOf=${(row) => row.name}
        empty=${html`<${Empty} icon="system" title="No process has reported yet">They do so every five seconds.<//>`} />`}
    <//>
  `;
}

function Slots({ of: { slots, slots_taken: taken } }) {
  if (slots === null) return html`<span class="muted">–</span>`;
  return html`<span class="slots">${taken} of ${slots}<${Bar} label="Slots taken" percent=${(taken / slots) * 100} /></span>`;
}

function Storage({ storage: kept }) {
  const files = kept.files === null ? null : `${count(kept.files)} ${kept.files === 1 ? 'file' : 'files'}`;
  const tables = kept.events_bytes === null
    ? [{ name: 'Database', bytes: kept.database_bytes, colour: 2 }]
    : [
      { name: 'Events', bytes: kept.events_bytes, colour: 2 },
      { name: 'Log entries', bytes: kept.log_entries_bytes, colour: 3 },
      { name: 'Other', bytes: kept.other_bytes, colour: 9, about: 'Other tables, what is free inside the files of the database, and what was written but not merged into them yet' },
    ];
  const parts = [
    ...tables,
    { name: 'Uploaded files', bytes: kept.files_bytes, note: files, colour: 1 },
    { name: 'Queue', bytes: kept.queue_bytes, note: kept.queue_bytes === null ? 'kept by the broker' : null, colour: 4 },
  ];
  const all = parts.reduce((sum, part) => sum + (part.bytes ?? 0), 0);
  return html`
    <${Card} title="Storage" aside=${all > 0 && html`<span class="muted">${bytes(all)} in all</span>`}>
      <${Whole} parts=${parts.map((part) => ({ ...part, size: part.bytes ?? 0 }))} all=${all} />
      <dl class="kept">
        ${parts.map((part) => html`
          <div key=${part.name}>
            <dt class="type" data-series=${part.colour} title=${part.about}>${part.name}</dt>
            <dd>${part.bytes === null ? '–' : bytes(part.bytes)}<span class="muted">${part.note ?? (all > 0 && part.bytes !== null ? percent(part.bytes, all) : '')}</span></dd>
          </div>
        `)}
        ${kept.disk_bytes !== null && html`<${Disk} free=${kept.disk_free_bytes} all=${kept.disk_bytes} />`}
      </dl>
    <//>
  `;
}

/** A disk with less than this is about to be full. */
const DISK_FREE_SHARE_MIN = 0.1;

function Disk({ free, all }) {
  const isFull = free < all * DISK_FREE_SHARE_MIN;
  return html`
    <div>
      <dt>Disk of the data</dt>
      <dd><span class=${isFull ? 'bad' : null}>${bytes(free)} free</span><span class="muted">of ${bytes(all)}</span></dd>
    </div>
  `;
}

function Waiting({ system }) {
  const columns = [
    { name: 'Lane', cell: (row) => row.lane },
    { name: 'Waiting', align: 'right', cell: (row) => count(row.frames) },
    { name: 'Oldest', align: 'right', cell: (row) => (row.oldest_age_seconds === null ? html`<span class="muted">–</span>` : duration(row.oldest_age_seconds)) },
  ];
  return html`<${Card} title="Queue" flush><${Table} caption="What waits in the queue" columns=${columns} rows=${system.queue} keyOf=${(row) => row.lane} /><//>`;
}

function Connections({ connections }) {
  const columns = [
    { name: 'Used for', cell: (row) => row.class },
    { name: 'In use', align: 'right', cell: (row) => count(row.used) },
    { name: 'At most', align: 'right', cell: (row) => count(row.max) },
  ];
  return html`<${Card} title="Database connections" flush><${Table} caption="Database connections" columns=${columns} rows=${connections} keyOf=${(row) => row.class} /><//>`;
}

function Settings({ settings }) {
  const columns = [
    { name: 'Setting', cell: (row) => html`<code>${row.name}</code>` },
    { name: 'Value', wide: true, cell: (row) => (row.value === '' ? html`<span class="muted">not set</span>` : html`<code class="value">${row.value}</code>`) },
  ];
  return html`<${Card} title="Settings of the door" flush aside=${html`<span class="muted"><code>event-horizon config show</code> has all</span>`}>
    <${Table} caption="Settings" columns=${columns} rows=${settings} keyOf=${(row) => row.name} /><//>`;
}

function DeadLetters({ known }) {
  const pages = usePages(`${DEAD_LETTERS}?limit=50`, { everySeconds: REFRESH_SECONDS });
  const one = (letter) => `${DEAD_LETTERS}/${encodeURIComponent(letter.id)}`;
  const columns = [
    { name: 'Buried', cell: (row) => html`<${Ago} at=${row.buried_at} />` },
    { name: 'Why', wide: true, cell: (row) => row.reason },
    { name: 'What', cell: (row) => (row.event ? html`<${Name} of=${row.event.event_type} /><span class="muted small"><${Name} of=${row.event.user_id} /></span>` : html`<span class="muted">${count(row.frame_bytes)} bytes</span>`) },
    {
      name: 'Actions', silent: true, cell: (row) => html`<span class="row-acts">
        <${Action} label="Replay" icon="retry" work=${() => call(`${one(row)}/replay`, { method: 'POST' })} onDone=${pages.again} />
        <${Action} label="Discard" icon="bin" quiet work=${() => call(one(row), { method: 'DELETE' })} onDone=${pages.again}
          confirm="Discard this dead letter for good?" /></span>`,
    },
  ];
  return html`
    <${Card} title="Dead letters" flush aside=${known > 0 && html`<span class="muted">${count(known)}</span>`}>
      <${Failure} error=${pages.error} again=${pages.again} />
      <${Table} caption="Dead letters" columns=${columns} rows=${pages.items} keyOf=${(row) => row.id}
        empty=${pages.loading ? html`<${Loading} />` : !pages.error && html`<${Empty} icon="check" small title="Nothing was buried">What cannot be applied would be here, to be sent again.<//>`} />
      <${More} pages=${pages} />
    <//>
  `;
}
