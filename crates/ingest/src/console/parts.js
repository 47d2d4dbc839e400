// What every view is made of.

import { html, useEffect, useRef, useState } from './vendor/preact-htm.js';
import { curlOf } from './api.js';
import { ago, moment } from './format.js';
import { Icon } from './icons.js';
import { announce } from './store.js';

const COPIED_SHOWN_MS = 1500;
/** What is longer may be cut, where the window is small. */
const TITLE_CHARS = 40;

/** A view: its heading, what can be done, and the calls it is made of. One that fills the window scrolls inside its card. */
export function View({ title, lead, back, curl = [], actions, fill = false, children }) {
  useEffect(() => {
    document.title = `${title} · Event Horizon`;
  }, [title]);
  return html`
    <div class=${fill ? 'view fill' : 'view'}>
      <header class="view-head">
        <div class="view-title">
          ${back && html`<a class="back" href=${back.href}><${Icon} name="back" />${back.label}</a>`}
          <h1 title=${title.length > TITLE_CHARS ? title : null}>${title}</h1>
          ${lead && html`<p class="lead">${lead}</p>`}
        </div>
        <div class="view-actions">
          ${actions}
          ${curl.length > 0 && html`<${CopyAsCurl} calls=${curl} />`}
        </div>
      </header>
      ${children}
    </div>
  `;
}

export function CopyAsCurl({ calls }) {
  const text = calls.map(curlOf).join('\n');
  return html`<${Copy} text=${text} label="Copy as curl" />`;
}

/** Says what it copies to whoever hovers over it. */
export function Copy({ text, label, quiet = false }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await intoClipboard(text);
    announce('Copied');
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_SHOWN_MS);
  };
  return html`
    <button type="button" class=${quiet ? 'button icon-only' : 'button'} title=${text} onClick=${copy}
      aria-label=${quiet ? label : null}>
      <${Icon} name=${copied ? 'check' : 'copy'} />${!quiet && html`<span>${copied ? 'Copied' : label}</span>`}
    </button>
  `;
}

/** Pages that were not loaded over TLS or from this computer have no clipboard of the newer kind. */
async function intoClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  return undefined;
}

export function Command({ text }) {
  return html`<div class="command"><code>${text}</code><${Copy} text=${text} label="Copy this command" quiet /></div>`;
}

export function Card({ title, aside, flush = false, children, id }) {
  return html`
    <section class="card" id=${id}>
      ${(title || aside) && html`<div class="card-head"><h2>${title}</h2><div class="card-aside">${aside}</div></div>`}
      <div class=${flush ? 'card-body flush' : 'card-body'}>${children}</div>
    </section>
  `;
}

/** A figure with its name. */
export function Figure({ name, value, note, tone }) {
  return html`
    <div class="figure" data-tone=${tone}>
      <dt>${name}</dt>
      <dd>${value}${note && html`<span class="figure-note">${note}</span>`}</dd>
    </div>
  `;
}

const STATE_TONES = {
  completed: 'good', delivered: 'good', up: 'good', ready: 'good',
  processing: 'busy', pending: 'busy', sending: 'busy', queued: 'calm', held: 'calm', waiting: 'calm',
  failed: 'bad', down: 'bad', degraded: 'warn', stopping: 'warn', cancelled: 'muted', withdrawn: 'muted',
  suppressed: 'muted',
};

/** The word carries the meaning; the colour only helps. */
export function State({ word }) {
  return html`<span class="state" data-tone=${STATE_TONES[word] ?? 'calm'}>${word}</span>`;
}

/** `from`: the server's time, where a difference of clocks would show. */
export function Ago({ at, from = null }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 10_000);
    return () => clearInterval(timer);
  }, []);
  if (!at) return html`<span class="muted">–</span>`;
  return html`<time dateTime=${at} title=${moment(at)}>${from === null ? ago(at) : ago(at, Date.parse(from))}</time>`;
}

export function Failure({ error, again }) {
  if (!error) return null;
  return html`
    <div class="failure" role="alert">
      <${Icon} name="warning" />
      <div>
        <p>${error.message}</p>
        ${error.requestId && html`<p class="small muted">Request <code>${error.requestId}</code></p>`}
      </div>
      ${again && html`<button type="button" class="button" onClick=${again}>Try again</button>`}
    </div>
  `;
}

export function Empty({ icon = 'search', title, small = false, children }) {
  return html`
    <div class=${small ? 'empty compact' : 'empty'}><${Icon} name=${icon} /><p class="empty-title">${title}</p><div>${children}</div></div>
  `;
}

export function Loading() {
  return html`<div class="loading"><span></span><span></span><span></span><span class="visually-hidden">Loading</span></div>`;
}

/**
 * Columns are `{ name, cell, align?, wide?, silent?, clientsName? }`; a wide one takes the room that is left, a silent one
 * shows no name, and a name that clients made may be of any length.
 */
export function Table({ caption, columns, rows, keyOf, empty }) {
  if (rows.length === 0) return empty ?? null;
  return html`
    <div class="table-room" tabindex="0" role="region" aria-label=${caption}>
      <table>
        <caption class="visually-hidden">${caption}</caption>
        <thead>
          <tr>${columns.map((column) => html`<th scope="col" class=${classOf(column)} key=${column.name}>${column.silent ? html`<span class="visually-hidden">${column.name}</span>` : column.clientsName ? html`<${Name} of=${column.name} />` : column.name}</th>`)}</tr>
        </thead>
        <tbody>
          ${rows.map((row) => html`
            <tr key=${keyOf(row)}>
              ${columns.map((column) => html`<td class=${classOf(column)} key=${column.name}>${column.cell(row)}</td>`)}
            </tr>
          `)}
        </tbody>
      </table>
    </div>
  `;
}

const classOf = ({ align, wide }) => [align === 'right' && 'number', wide && 'wide'].filter(Boolean).join(' ') || null;

export function More({ pages }) {
  if (!pages.hasMore) return null;
  return html`
    <div class="more">
      <button type="button" class="button" disabled=${pages.loadingMore} onClick=${pages.loadMore}>
        ${pages.loadingMore ? 'Loading…' : 'Load more'}
      </button>
    </div>
  `;
}

/** One of a few, as native radio buttons that look like one control. */
export function Choice({ label, name, value, options, onChange }) {
  return html`
    <fieldset class="choice">
      <legend class="visually-hidden">${label}</legend>
      ${options.map((option) => html`
        <label key=${option.value}>
          <input type="radio" name=${name} value=${option.value} checked=${option.value === value}
            onChange=${() => onChange(option.value)} />
          <span>${option.label}</span>
        </label>
      `)}
    </fieldset>
  `;
}

/** A bar that says how far something is; `null` is "nobody knows". */
export function Bar({ label, percent, tone }) {
  return html`
    <progress class="bar" data-tone=${tone} aria-label=${label} max="100" value=${percent === null ? undefined : percent}></progress>
  `;
}

/** What clients call things, of any length and in any script: beyond two lines the whole is told to whoever hovers. */
export function Name({ of }) {
  return html`<bdi class="name" title=${of}>${breakable(of)}</bdi>`;
}

/** May be broken where its words are joined. */
export function breakable(name) {
  return name.split(/(?<=[_./:-])/).flatMap((word, at) => (at === 0 ? [word] : [html`<wbr />`, word]));
}

/** Waits until somebody has stopped typing. */
export function Search({ label, value, placeholder, onChange, delayMs = 250 }) {
  const timer = useRef(null);
  const change = ({ target }) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange(target.value.trim()), delayMs);
  };
  return html`
    <label class="search">
      <span class="visually-hidden">${label}</span>
      <${Icon} name="search" />
      <input type="search" value=${value} placeholder=${placeholder ?? label} onInput=${change} autocomplete="off" spellcheck=${false} />
    </label>
  `;
}

/** An action that takes a moment and may be refused. */
export function Action({ label, icon, work, tone, onDone, confirm: question, quiet = false }) {
  const [state, setState] = useState({ busy: false, error: null });
  const act = async () => {
    if (question && !confirm(question)) return;
    setState({ busy: true, error: null });
    try {
      await work();
      setState({ busy: false, error: null });
      announce(`${label}: done`);
      onDone?.();
    } catch (error) {
      setState({ busy: false, error });
      announce(error.message);
    }
  };
  return html`
    <span class="action">
      <button type="button" class=${`button ${tone ?? ''} ${quiet ? 'icon-only' : ''}`} disabled=${state.busy} onClick=${act}
        title=${state.error?.message ?? (quiet ? label : null)} aria-label=${quiet ? label : null}>
        ${icon && html`<${Icon} name=${icon} />`}${!quiet && html`<span>${label}</span>`}
      </button>
      ${state.error && html`<span class="action-error" role="alert">${state.error.message}</span>`}
    </span>
  `;
}

/** Names with their values. */
export function Facts({ facts }) {
  const known = facts.filter(([, value]) => value !== null && value !== undefined);
  return html`<dl class="facts">${known.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A share of a whole as a line beneath a number. */
export function Share({ part, all, colour }) {
  const width = all > 0 ? Math.max(0.5, (part / all) * 100) : 0;
  return html`
    <svg class="share" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <rect class="share-all" width="100" height="4" />
      <rect class="share-part" data-series=${colour} width=${width} height="4" />
    </svg>
  `;
}

/** What a whole is made of; the names and numbers stand beneath it. */
export function Whole({ parts, all }) {
  let end = 0;
  const drawn = parts.filter(({ size }) => size > 0).map((part) => {
    const width = (part.size / all) * 100;
    end += width;
    return { ...part, from: end - width, width };
  });
  return html`
    <svg class="whole" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <rect class="share-all" width="100" height="10" />
      ${drawn.map((part) => html`<rect key=${part.name} class="share-part" data-series=${part.colour} x=${part.from} width=${part.width} height="10" />`)}
    </svg>
  `;
}

/** The last minute as a line; the number stands beside it. */
export function Spark({ values, slots = 60 }) {
  const most = Math.max(1, ...values);
  const first = slots - values.length;
  const points = values.map((value, at) => `${((first + at) / (slots - 1)) * 100},${27 - (value / most) * 25}`);
  return html`
    <svg class="spark" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      ${points.length > 1 && html`<polyline points=${points.join(' ')} vector-effect="non-scaling-stroke" />`}
      <line x1="0" y1="27.5" x2="100" y2="27.5" vector-effect="non-scaling-stroke" />
    </svg>
  `;
}
