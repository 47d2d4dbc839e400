// What comes in, as it comes in. The page never moves under somebody who reads.

import { html, useEffect, useRef, useState } from '../vendor/preact-htm.js';
import { useAnswer } from '../api.js';
import { colourOf } from '../chart.js';
import { count, moment, position, preciseClock, rate } from '../format.js';
import { Icon } from '../icons.js';
import { Card, Empty, Search, Spark, View } from '../parts.js';
import { addressOf, replace } from '../router.js';
import { useStore } from '../store.js';

const SHOWN_MAX = 200;

export function Live({ query }) {
  const events = useStore((state) => state.events);
  const skipped = useStore((state) => state.eventsSkipped);
  const rates = useStore((state) => state.rates);
  const [held, setHeld] = useState(null);
  const list = useRef(null);
  const words = (query.get('q') ?? '').toLowerCase();
  const type = query.get('type') ?? '';

  // Whoever scrolls down reads: the list stands still until she comes back or asks for what is new.
  useEffect(() => {
    const room = list.current;
    const look = () => {
      if (room.scrollTop > 0) setHeld((now) => now ?? { paused: false, events: latest.current });
      else setHeld((now) => (now?.paused ? now : null));
    };
    room.addEventListener('scroll', look, { passive: true });
    return () => room.removeEventListener('scroll', look);
  }, []);
  const latest = useRef(events);
  latest.current = events;

  const source = held?.events ?? events;
  const shown = source.filter((event) => matches(event, words, type)).slice(0, SHOWN_MAX);
  const waiting = held ? freshIn(events, held.events).filter((event) => matches(event, words, type)).length : 0;
  const types = [...new Set(events.map((event) => event.event_type))].sort();
  const pause = () => setHeld(held?.paused ? null : { paused: true, events });
  const follow = () => {
    setHeld(null);
    list.current.scrollTop = 0;
  };
  const filter = (part) => replace(addressOf('live', null, { q: query.get('q'), type, ...part }));
  const last = rates.at(-1);
  return html`
    <${View} title="Live" fill curl=${[{ path: '/v1/events?limit=50' }]} actions=${html`
      <button type="button" class="button" aria-pressed=${held?.paused === true} onClick=${pause}>
        <${Icon} name=${held?.paused ? 'play' : 'pause'} /><span>${held?.paused ? 'Go on' : 'Pause'}</span>
      </button>`}>
      <div class="toolbar">
        <${Search} label="Filter by user or payload" value=${query.get('q') ?? ''} onChange=${(q) => filter({ q })} delayMs=${80} />
        <label class="select">
          <span class="visually-hidden">Type</span>
          <select value=${type} onChange=${({ target }) => filter({ type: target.value })}>
            <option value="">every type</option>
            ${[...new Set([...types, type])].filter(Boolean).map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
          </select>
        </label>
        <div class="now">
          <span><strong class="tabular">${rate(last?.accepted)}</strong> per second</span>
          <${Spark} values=${rates.map((one) => one.accepted)} />
        </div>
      </div>
      <${Card} flush>
        <div class="tail-news">
          ${waiting > 0
            ? html`<button type="button" class="button small-button" onClick=${follow}>Show ${count(waiting)} new ${waiting === 1 ? 'event' : 'events'}</button>`
            : html`<span class="muted small">${held?.paused ? 'Paused.' : 'The newest is on top.'}${skipped > 0 ? ` ${count(skipped)} went by too fast to be shown.` : ''}</span>`}
        </div>
        <div class="tail" ref=${list} tabindex="0" role="region" aria-label="Events">
          ${shown.length === 0
            ? html`<${Empty} icon="live" title=${events.length === 0 ? 'Waiting for events' : 'Nothing matches'}>
                ${events.length === 0 && html`Open the <a href="/demo/" target="_blank">demo page</a> and click.`}<//>`
            : html`<ul>${shown.map((event) => html`<${Row} key=${event.event_id} event=${event} />`)}</ul>`}
        </div>
      <//>
    <//>
  `;
}

function freshIn(events, seen) {
  const known = new Set(seen.map((event) => event.event_id));
  return events.filter((event) => !known.has(event.event_id));
}

function matches(event, words, type) {
  if (type !== '' && event.event_type !== type) return false;
  return words === '' || `${event.user_id} ${event.event_type} ${payloadOf(event)}`.toLowerCase().includes(words);
}

/** As a text. Of a long payload the socket tells only the beginning. */
const payloadOf = ({ payload, truncated }) => (truncated && typeof payload === 'string' ? `${payload}…` : JSON.stringify(payload));

function Row({ event }) {
  const [open, setOpen] = useState(false);
  const whole = useAnswer(open && event.truncated ? `/v1/events/${event.event_id}` : null);
  return html`
    <li>
      <details onToggle=${({ target }) => setOpen(target.open)}>
        <summary>
          <${Received} of=${event} />
          <span class="type" data-series=${colourOf(event.event_type)}><bdi>${event.event_type}</bdi></span>
          <bdi class="who">${event.user_id}</bdi>
          <bdi class="gist">${event.job_id && html`<${Icon} name="file" />`}${gistOf(event)}</bdi>
        </summary>
        ${open && event.job_id && html`<p class="from-file">Out of the file of <a href=${addressOf('jobs', event.job_id)}>this job</a></p>`}
        ${open && html`<pre class="json" tabindex="0">${JSON.stringify(whole.data ?? event, null, 2)}</pre>`}
      </details>
    </li>
  `;
}

/** With thousandths, where there is room for them: the order within a second matters. */
function Received({ of }) {
  const [whole, thousandths] = preciseClock(of.received_at).split('.');
  return html`<time dateTime=${of.received_at} title=${`happened ${moment(of.timestamp)}`}>${whole}<span class="thousandths">.${thousandths}</span></time>`;
}

/** What one wants to see of it at a glance. */
function gistOf(event) {
  const { event_type: type, payload = {} } = event;
  if (typeof payload === 'string') return payloadOf(event);
  switch (type) {
    case 'view': return payload.title ? `${payload.url}  ${payload.title}` : payload.url;
    case 'click': return [payload.element_id && `#${payload.element_id}`, payload.text].filter(Boolean).join('  ');
    case 'location': return `${payload.latitude}, ${payload.longitude}`;
    case 'watch': return `${payload.slug} at ${position(payload.at)}`;
    default: return payload.program?.title ?? payload.program?.id ?? (Object.keys(payload).length > 0 ? JSON.stringify(payload) : '');
  }
}
