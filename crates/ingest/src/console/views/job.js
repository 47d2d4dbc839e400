// One file: where it stands, what was read out of it, and what could not be read.

import { html, useEffect, useState } from '../vendor/preact-htm.js';
import { ask, call, pathWith, useAnswer, usePages } from '../api.js';
import { bytes, clock, count, duration, moment, percent, rate } from '../format.js';
import { Icon } from '../icons.js';
import { Action, Ago, Bar, Card, Choice, Copy, Empty, Facts, Failure, Loading, More, Name, Search, State, Table, View } from '../parts.js';
import { addressOf, replace } from '../router.js';
import { hasEnded, learnJobs, useStore } from '../store.js';
import { barOf } from './jobs.js';

const REFRESH_SECONDS = 5;
const LEVELS = ['', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((value) => ({ value, label: value || 'all' }));

export function Job({ id, query }) {
  const path = `/api/v1/jobs/${encodeURIComponent(id)}`;
  const asked = useAnswer(path, { everySeconds: REFRESH_SECONDS });
  const live = useStore((state) => state.jobs.get(id));
  const uploads = useStore((state) => state.uploads);
  useEffect(() => {
    if (asked.data) learnJobs([asked.data]);
  }, [asked.data]);
  const job = asked.data ? { ...asked.data, ...(live ?? {}) } : live?.file_name ? live : null;
  const back = { href: '#/jobs', label: 'Jobs' };
  if (!job) {
    return html`
      <${View} title="Job" back=${back}>
        ${asked.error ? html`<${Failure} error=${asked.error} again=${asked.again} />` : html`<${Loading} />`}
      <//>
    `;
  }
  const tab = query.get('show') ?? (job.lines_rejected > 0 ? 'rejects' : 'entries');
  const curl = [{ path }, { path: `${path}/rejects`, headers: { accept: 'application/x-ndjson' } }];
  return html`
    <${View} title=${job.file_name} back=${back} curl=${curl} actions=${html`<${Moves} job=${job} path=${path} onMoved=${asked.again} />`}>
      <${Failure} error=${asked.error} again=${asked.again} />
      ${job.error && html`<div class="failure"><${Icon} name="warning" /><div><p>${job.error.detail}</p><p class="small muted">${job.error.code}</p></div></div>`}
      <${Card}>
        <div class="job-head">
          <${State} word=${job.status} />
          <strong class="job-percent">${job.progress_percent} %</strong>
          <${Bar} label="Progress" percent=${barOf(job, uploads)} tone=${{ completed: 'good', failed: 'bad', cancelled: 'muted' }[job.status]} />
        </div>
        <${LineFacts} job=${job} />
      <//>
      <div class="columns wide-first">
        <${Card} title="Lines" flush aside=${html`<${Tabs} job=${job} tab=${tab} />`}>
          ${tab === 'rejects' ? html`<${Rejects} job=${job} path=${path} />` : html`<${Entries} job=${job} query=${query} />`}
        <//>
        <div class="stack">
          <${Card} title="Stages"><${Stages} job=${job} /><//>
          <${Card} title="File"><${FileFacts} job=${job} /><//>
        </div>
      </div>
    <//>
  `;
}

function Moves({ job, path, onMoved }) {
  const move = (to) => async () => learnJobs([await call(`${path}/${to}`, { method: 'POST' })]);
  if (!hasEnded(job)) return html`<${Action} label="Cancel" icon="stop" work=${move('cancel')} onDone=${onMoved} />`;
  if (job.status === 'completed') return null;
  return html`<${Action} label="Retry" icon="retry" tone="primary" work=${move('retry')} onDone=${onMoved} />`;
}

function LineFacts({ job }) {
  const facts = [
    ['Lines', `${count(job.lines_done)} of ${count(job.lines_total)}`],
    ['Taken', count(job.lines_ingested)],
    ['Events among them', count(job.events_applied)],
    ['Rejected', html`<span class=${job.lines_rejected > 0 ? 'bad' : null}>${count(job.lines_rejected)}</span>${job.lines_rejected > 0 && html` <span class="muted">${percent(job.lines_rejected, job.lines_done)}</span>`}`],
    ['Known before', job.lines_duplicate ? count(job.lines_duplicate) : null],
    ['Lines per second', rate(speedOf(job))],
  ];
  return html`<dl class="line-facts">${facts.filter(([, value]) => value !== null).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function speedOf(job) {
  if (!hasEnded(job)) return job.pace?.perSecond ?? null;
  const seconds = (Date.parse(job.completed_at) - Date.parse(job.started_at)) / 1000;
  return seconds > 0 ? job.lines_done / seconds : null;
}

function Stages({ job }) {
  return html`
    <ol class="stages">
      ${job.stages.map(({ stage, at }, number) => html`
        <li key=${`${stage}-${number}`} data-last=${number === job.stages.length - 1} data-tone=${{ completed: 'good', failed: 'bad', cancelled: 'muted' }[stage]}>
          <span class="stage-name">${stage}</span>
          <time dateTime=${at} title=${moment(at)}>${clock(at)}</time>
          <span class="stage-took">${tookWords(job.stages, number)}</span>
        </li>
      `)}
    </ol>
  `;
}

/** Several stages may be reached with one step. */
function tookWords(stages, number) {
  const seconds = number > 0 ? (Date.parse(stages[number].at) - Date.parse(stages[number - 1].at)) / 1000 : 0;
  return seconds >= 0.001 ? `+ ${duration(seconds)}` : '';
}

function FileFacts({ job }) {
  return html`<${Facts} facts=${[
    ['Size', `${bytes(job.file_size_bytes)}`],
    ['Uploaded', html`<${Ago} at=${job.created_at} />`],
    ['Took', job.completed_at && job.started_at ? duration((Date.parse(job.completed_at) - Date.parse(job.started_at)) / 1000) : null],
    ['Job', html`<code class="id">${job.job_id}</code><${Copy} text=${job.job_id} label="Copy the id" quiet />`],
    ['SHA-256', html`<code class="id">${job.sha256}</code><${Copy} text=${job.sha256} label="Copy the hash" quiet />`],
  ]} />`;
}

function Tabs({ job, tab }) {
  const options = [{ value: 'rejects', label: `Rejected ${count(job.lines_rejected)}` }, { value: 'entries', label: 'Log entries' }];
  return html`<${Choice} label="Which lines" name="lines" value=${tab} options=${options}
    onChange=${(show) => replace(addressOf('jobs', job.job_id, { show }))} />`;
}

function Rejects({ job, path }) {
  const pages = usePages(`${path}/rejects?limit=100`, { everySeconds: hasEnded(job) ? null : REFRESH_SECONDS });
  const columns = [
    { name: 'Line', align: 'right', cell: (row) => count(row.line) },
    { name: 'Why', cell: (row) => html`<code class="code-word">${row.code}</code>${row.field && html`<code class="below"><${Name} of=${row.field} /></code>`}` },
    { name: 'What is wrong', cell: (row) => html`<span class="reason">${row.message}</span>` },
    { name: 'As it stands in the file', wide: true, cell: (row) => html`<code class="raw" title=${row.raw}>${row.raw}</code>` },
  ];
  const none = hasEnded(job) ? 'Every line was taken' : 'No line was rejected so far';
  return html`
    <${Failure} error=${pages.error} again=${pages.again} />
    <${Table} caption="Rejected lines" columns=${columns} rows=${pages.items} keyOf=${(row) => row.line}
      empty=${pages.loading ? html`<${Loading} />` : !pages.error && html`<${Empty} icon="check" title=${none} />`} />
    ${pages.items.length > 0 && html`
      <div class="card-foot">
        <${Action} label="Download all as .jsonl" icon="download" work=${() => download(job, path)} />
        <${More} pages=${pages} />
      </div>
    `}
  `;
}

/** A link cannot say which form it would like. */
async function download(job, path) {
  const answer = await ask(`${path}/rejects`, { headers: { accept: 'application/x-ndjson' } });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${job.file_name}.rejects.jsonl`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function Entries({ job, query }) {
  const level = query.get('level') ?? '';
  const q = query.get('q') ?? '';
  const pages = usePages(pathWith('/api/v1/logs', { job_id: job.job_id, level, q, limit: 50 }));
  const [done, setDone] = useState(job.lines_done);
  useEffect(() => {
    // What is being imported grows: look again, but not with every line.
    if (hasEnded(job) && done !== job.lines_done) {
      setDone(job.lines_done);
      pages.again();
    }
  }, [job.status]);
  const filter = (part) => replace(addressOf('jobs', job.job_id, { show: 'entries', level, q, ...part }));
  const columns = [
    { name: 'Line', align: 'right', cell: (row) => count(row.line) },
    { name: 'Time', cell: (row) => (row.timestamp ? html`<time dateTime=${row.timestamp}>${moment(row.timestamp)}</time>` : html`<span class="muted">–</span>`) },
    { name: 'Level', cell: (row) => (row.level ? html`<span class="level" data-level=${row.level}>${row.level}</span>` : html`<span class="muted"><${Name} of=${row.level_original ?? '–'} /></span>`) },
    { name: 'Service', cell: (row) => (row.service ? html`<${Name} of=${row.service} />` : html`<span class="muted">–</span>`) },
    { name: 'Message', wide: true, cell: (row) => html`<bdi class="message" title=${row.message}>${row.message ?? ''}</bdi><${Attributes} of=${row.attributes} />` },
  ];
  return html`
    <div class="toolbar inside">
      <${Search} label="Search the messages" value=${q} onChange=${(value) => filter({ q: value })} />
      <${Choice} label="Level" name="level" value=${level} options=${LEVELS} onChange=${(value) => filter({ level: value })} />
    </div>
    <${Failure} error=${pages.error} again=${pages.again} />
    <${Table} caption="Log entries" columns=${columns} rows=${pages.items} keyOf=${(row) => row.line}
      empty=${pages.loading ? html`<${Loading} />` : !pages.error && html`<${Empty} title="No log entry">Lines that are events are in the event store, not here.<//>`} />
    <${More} pages=${pages} />
  `;
}

function Attributes({ of }) {
  const text = JSON.stringify(of);
  return text === '{}' || text === 'null' ? null : html`<code class="attributes" title=${text}>${text}</code>`;
}
