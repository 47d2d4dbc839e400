// The frame around the views, and what begins when the page does.

import { html, render, useEffect, useState } from './vendor/preact-htm.js';
import { Icon, Mark } from './icons.js';
import { start } from './live.js';
import { Empty, View } from './parts.js';
import { useAddress } from './router.js';
import { SignIn, WhoIsIn } from './sign-in.js';
import { hasEnded, useStore } from './store.js';
import { takeDrops } from './uploads.js';
import { Job } from './views/job.js';
import { Jobs } from './views/jobs.js';
import { Live } from './views/live.js';
import { Notifications } from './views/notifications.js';
import { Overview } from './views/overview.js';
import { System } from './views/system.js';
import { Watch } from './views/watch.js';

const PLACES = [
  { view: 'overview', href: '#/', label: 'Overview' },
  { view: 'jobs', href: '#/jobs', label: 'Jobs' },
  { view: 'live', href: '#/live', label: 'Live' },
  { view: 'watch', href: '#/watch', label: 'Watch' },
  { view: 'notifications', href: '#/notifications', label: 'Notifications' },
  { view: 'system', href: '#/system', label: 'System' },
];

const CONNECTIONS = {
  connecting: { tone: 'calm', word: 'Connecting' },
  live: { tone: 'good', word: 'Connected' },
  reconnecting: { tone: 'warn', word: 'Reconnecting' },
  polling: { tone: 'warn', word: 'Polling' },
  offline: { tone: 'bad', word: 'No connection' },
  closed: { tone: 'warn', word: 'Signed out' },
};

function Page() {
  const address = useAddress();
  const [hovering, setHovering] = useState(false);
  useEffect(() => takeDrops(setHovering), []);
  useEffect(() => {
    document.querySelector('main')?.scrollTo(0, 0);
  }, [address.view, address.id]);
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="bar-top">
      <a class="wordmark" href="#/" aria-label="Event Horizon"><${Mark} /><span>Event <b>Horizon</b></span></a>
      <div class="bar-top-end"><${Connection} /><${WhoIsIn} /><${Theme} /></div>
    </header>
    <nav class="places" aria-label="Views"><${Places} view=${address.view} /></nav>
    <main id="main" tabindex="-1"><${Shown} address=${address} /></main>
    ${hovering && html`<div class="drop-zone"><div><${Icon} name="upload" /><p>Drop to upload</p></div></div>`}
    <${Announcer} />
    <${SignIn} />
  `;
}

/** The address is taken by the router, so the focus is moved by hand. */
function skip(event) {
  event.preventDefault();
  document.querySelector('main').focus();
}

function Shown({ address: { view, id, query } }) {
  switch (view) {
    case 'overview': return html`<${Overview} query=${query} />`;
    case 'jobs': return id ? html`<${Job} key=${id} id=${id} query=${query} />` : html`<${Jobs} query=${query} />`;
    case 'live': return html`<${Live} query=${query} />`;
    case 'watch': return html`<${Watch} query=${query} />`;
    case 'notifications': return html`<${Notifications} query=${query} />`;
    case 'system': return html`<${System} />`;
    default: return html`<${View} title="Nothing here"><${Empty} title="There is no such view"><a href="#/">Back to the overview</a><//><//>`;
  }
}

function Places({ view }) {
  const jobs = useStore((state) => state.jobs);
  const buried = useStore((state) => state.system?.dead_letters ?? 0);
  const uploads = useStore((state) => state.uploads);
  const sending = uploads.filter((one) => one.state === 'sending' || one.state === 'waiting').length;
  const working = [...jobs.values()].filter((job) => !hasEnded(job)).length + sending;
  const badges = {
    jobs: working > 0 && { value: working, words: `${working} under way`, tone: 'busy' },
    system: buried > 0 && { value: buried, words: `${buried} dead letters`, tone: 'bad' },
  };
  return html`
    <ul>
      ${PLACES.map((place) => html`
        <li key=${place.view}>
          <a href=${place.href} aria-current=${place.view === view ? 'page' : null}>
            <${Icon} name=${place.view} /><span class="place-name">${place.label}</span>
            ${badges[place.view] && html`<span class="badge" data-tone=${badges[place.view].tone}><span aria-hidden="true">${badges[place.view].value}</span><span class="visually-hidden">, ${badges[place.view].words}</span></span>`}
          </a>
        </li>
      `)}
    </ul>
    <ul class="places-foot">
      <li><a href="/docs/"><${Icon} name="book" /><span class="place-name">API</span></a></li>
    </ul>
  `;
}

function Connection() {
  const { tone, word } = CONNECTIONS[useStore((state) => state.connection)];
  return html`<span class="connection" data-tone=${tone} title=${CONNECTION_NOTES[word] ?? word}><span class="dot" data-tone=${tone}></span>${word}</span>`;
}

const CONNECTION_NOTES = {
  Connected: 'News arrive by themselves',
  Polling: 'The socket cannot be had just now; the page asks every two seconds',
};

const THEMES = [
  { value: 'auto', label: 'Colours as the system has them' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

function Theme() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? 'auto');
  const choose = (value) => {
    setTheme(value);
    if (value === 'auto') {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem('eh-theme');
    } else {
      document.documentElement.dataset.theme = value;
      localStorage.setItem('eh-theme', value);
    }
  };
  return html`
    <fieldset class="choice theme">
      <legend class="visually-hidden">Colours</legend>
      ${THEMES.map(({ value, label }) => html`
        <label key=${value} title=${label}>
          <input type="radio" name="theme" value=${value} checked=${value === theme} onChange=${() => choose(value)} />
          <span><${Icon} name=${value} /><span class="visually-hidden">${label}</span></span>
        </label>
      `)}
    </fieldset>
  `;
}

/** The one place that speaks to those who listen. */
function Announcer() {
  const text = useStore((state) => state.announcement);
  return html`<div class="visually-hidden" role="status" aria-live="polite">${text}</div>`;
}

const room = document.getElementById('console');
room.replaceChildren();
render(html`<${Page} />`, room);
start();
