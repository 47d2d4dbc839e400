// The server itself: what it is, how it does, what it could not apply.

import { html } from '../vendor/preact-htm.js';
import { call, useAnswer, usePages } from '../api.js';
import { count, duration, moment } from '../format.js';
import { Action, Ago, Card, Empty, Facts, Failure, Figure, Loading, More, Table, View } from '../parts.js';

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
              value=${status} note=${`answers in ${latency < 1 ? '< 1' : latency} ms`} />
          `)}
          <${Figure} name="Accepted here" value=${count(system.counters.events_accepted)} note="events since the start" />
          <${Figure} name="Refused here" value=${count(system.counters.events_rejected)} note="events since the start" />
        </dl>
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

function Process({ system }) {
  const jobs = Object.entries(system.jobs).filter(([, found]) => found > 0);
  return html`
    <${Card} title="This process">
      <${Facts} facts=${[
        ['Version', system.version],
        ['Started', moment(system.started_at)],
        ['Up for', duration((Date.parse(system.at) - Date.parse(system.started_at)) / 1000)],
        ['Jobs', jobs.length > 0 ? jobs.map(([status, found]) => `${count(found)} ${status}`).join(', ') : 'none yet'],
        ['More', html`<span><a href="/docs/">API</a>, <a href="/metrics">figures for Prometheus</a>, <a href="/problems">all problems</a>, <a href="/demo/">demo page</a></span>`],
      ]} />
    <//>
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
    { name: 'What', cell: (row) => (row.event ? html`<code>${row.event.event_type}</code> of ${row.event.user_id}` : html`<span class="muted">${count(row.frame_bytes)} bytes</span>`) },
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
        empty=${pages.loading ? html`<${Loading} />` : html`<${Empty} icon="check" title="Nothing was buried">What cannot be applied would be here, to be sent again.<//>`} />
      <${More} pages=${pages} />
    <//>
  `;
}
