// Files on their way in: one row from the first byte to the last line.

import { html, useRef } from '../vendor/preact-htm.js';
import { pathWith, usePages } from '../api.js';
import { bytes, count, percent, rate } from '../format.js';
import { Icon } from '../icons.js';
import { Ago, Bar, Card, Choice, Empty, Failure, Loading, More, State, View } from '../parts.js';
import { addressOf, replace } from '../router.js';
import { hasEnded, useStore } from '../store.js';
import { dismiss, sendAgain, upload } from '../uploads.js';

/** How much of the one bar the way to the server takes. */
const UPLOAD_SHARE_PERCENT = 25;
const REFRESH_SECONDS = 10;
const ACCEPTED_TYPES = '.jsonl,.ndjson,.json,.log,.gz,.zst';

const FILTERS = ['', 'queued', 'processing', 'completed', 'failed', 'cancelled']
  .map((value) => ({ value, label: value || 'all' }));

export function Jobs({ query }) {
  const status = query.get('status') ?? '';
  const path = pathWith('/api/v1/jobs', { status, limit: 50 });
  const pages = usePages(path, { everySeconds: REFRESH_SECONDS });
  const live = useStore((state) => state.jobs);
  const uploads = useStore((state) => state.uploads);
  const jobs = together(pages.items, live, status);
  const sent = new Set(jobs.map((job) => job.job_id));
  const onTheirWay = uploads.filter((one) => one.jobId === null || !sent.has(one.jobId)).filter(() => status === '');
  const filter = html`<${Choice} label="State" name="status" value=${status} options=${FILTERS}
    onChange=${(value) => replace(addressOf('jobs', null, { status: value }))} />`;
  const isEmpty = jobs.length === 0 && onTheirWay.length === 0;
  return html`
    <${View} title="Jobs" curl=${[{ path }]} actions=${html`<${UploadButton} />`}>
      <${Failure} error=${pages.error} again=${pages.again} />
      <div class="toolbar">${filter}</div>
      <${Card} flush>
        ${isEmpty && pages.loading && html`<${Loading} />`}
        ${isEmpty && !pages.loading && !pages.error && (status === '' ? html`<${DropHere} />` : html`<${Empty} title=${`No job is ${status}`} />`)}
        ${!isEmpty && html`
          <ul class="jobs">
            ${onTheirWay.map((one) => html`<${Upload} key=${`upload-${one.key}`} upload=${one} />`)}
            ${jobs.map((job) => html`<${JobRow} key=${job.job_id} job=${job} />`)}
          </ul>
        `}
        <${More} pages=${pages} />
      <//>
    <//>
  `;
}

/** The list from the tables, with what is known since. */
function together(listed, live, status) {
  const ids = new Set(listed.map((job) => job.job_id));
  const oldest = listed.at(-1)?.created_at ?? '';
  const fresh = [...live.values()].filter((job) => job.file_name && !ids.has(job.job_id) && job.created_at >= oldest);
  return [...fresh, ...listed]
    .map((job) => live.get(job.job_id) ?? job)
    .filter((job) => status === '' || job.status === status)
    .sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
}

function UploadButton() {
  const input = useRef(null);
  const take = ({ target }) => {
    upload(target.files);
    target.value = '';
  };
  return html`
    <button type="button" class="button primary" onClick=${() => input.current.click()}><${Icon} name="upload" /><span>Upload files</span></button>
    <input ref=${input} type="file" class="visually-hidden" tabindex="-1" aria-label="Files to upload" multiple accept=${ACCEPTED_TYPES} onChange=${take} />
  `;
}

function DropHere() {
  return html`
    <${Empty} icon="upload" title="Drop files here">
      Log lines or events, one JSON object per line: <code>.jsonl</code>, <code>.ndjson</code>, <code>.json</code>, <code>.log</code>,
      also as <code>.gz</code> or <code>.zst</code>.
    <//>
  `;
}

export function JobRows({ jobs }) {
  return html`<ul class="jobs">${jobs.map((job) => html`<${JobRow} key=${job.job_id} job=${job} />`)}</ul>`;
}

function Upload({ upload: one }) {
  const failed = one.state === 'failed';
  const sent = one.size > 0 ? (one.sent / one.size) * 100 : 0;
  return html`
    <li class="job">
      <div class="job-name"><${Icon} name="file" /><strong title=${one.name}><bdi>${one.name}</bdi></strong></div>
      <div class="job-state"><${State} word=${one.state === 'sending' ? 'sending' : one.state} /></div>
      <div class="job-bar">
        <${Bar} label=${`Upload of ${one.name}`} percent=${(sent * UPLOAD_SHARE_PERCENT) / 100} tone=${failed ? 'bad' : null} />
      </div>
      <div class="job-facts">
        ${failed
          ? html`<span class="bad">${one.error.message}</span>`
          : html`<span>${bytes(one.sent)} of ${bytes(one.size)}</span><span>${percent(one.sent, one.size)} sent</span>`}
      </div>
      <div class="job-acts">
        ${failed && mayGoBetter(one.error) && html`<button type="button" class="button icon-only" aria-label=${`Try ${one.name} again`} title="Try again"
          onClick=${() => sendAgain(one.key)}><${Icon} name="retry" /></button>`}
        <button type="button" class="button icon-only" aria-label=${failed ? `Forget ${one.name}` : `Stop the upload of ${one.name}`}
          onClick=${() => dismiss(one.key)}><${Icon} name="cross" /></button>
      </div>
    </li>
  `;
}

/** A file that is refused for what it is will be refused again. */
const mayGoBetter = ({ status }) => status === 0 || status === 429 || status >= 500;

/** What came from this page went on from its upload: the same bar, further on. */
export function barOf(job, uploads) {
  const cameFromHere = uploads.some((one) => one.jobId === job.job_id);
  const from = cameFromHere && !hasEnded(job) ? UPLOAD_SHARE_PERCENT : 0;
  return from + (job.progress_percent * (100 - from)) / 100;
}

const BAR_TONES = { completed: 'good', failed: 'bad', cancelled: 'muted' };

export function JobRow({ job }) {
  const uploads = useStore((state) => state.uploads);
  const running = job.status === 'processing';
  return html`
    <li class="job">
      <div class="job-name"><${Icon} name="file" /><a href=${addressOf('jobs', job.job_id)} title=${job.file_name}><bdi>${job.file_name}</bdi></a></div>
      <div class="job-state"><${State} word=${job.status} /></div>
      <div class="job-bar"><${Bar} label=${`Progress of ${job.file_name}`} percent=${barOf(job, uploads)} tone=${BAR_TONES[job.status]} /></div>
      <div class="job-facts">
        <span>${hasEnded(job) && job.lines_done === job.lines_total ? count(job.lines_total) : `${count(job.lines_done)} of ${count(job.lines_total)}`} lines</span>
        ${job.lines_rejected > 0 && html`<span class="bad">${count(job.lines_rejected)} rejected</span>`}
        ${running && job.pace?.perSecond > 0 && html`<span>${rate(job.pace.perSecond)} per second</span>`}
        ${job.file_size_bytes !== undefined && html`<span>${bytes(job.file_size_bytes)}</span>`}
      </div>
      <div class="job-acts"><${Ago} at=${job.created_at} /></div>
    </li>
  `;
}
