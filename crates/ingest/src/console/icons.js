// The console's own drawings: 16 by 16, one stroke.

import { html } from './vendor/preact-htm.js';

const DRAWINGS = {
  overview: html`<path d="M2 13.5h12M4 11V7.5M8 11V3M12 11V6" />`,
  jobs: html`<path d="M2.5 9.5 4.3 3h7.4l1.8 6.5M2.5 9.5V13h11V9.5h-3.7a1.8 1.8 0 0 1-3.6 0Z" />`,
  live: html`<path d="M1.5 8.5h3L6.5 3l3 10 2-4.5h3" />`,
  watch: html`<rect x="1.8" y="3" width="12.4" height="10" rx="2" /><path d="m6.8 5.9 3.4 2.1-3.4 2.1Z" />`,
  notifications: html`<path d="M3.5 11.5c.9-1 1-2.2 1-4a3.5 3.5 0 0 1 7 0c0 1.8.1 3 1 4ZM6.8 13.8h2.4" />`,
  system: html`<path d="M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6" /><circle cx="9.7" cy="4.5" r="1.7" /><circle cx="6.2" cy="11.5" r="1.7" />`,
  upload: html`<path d="M8 10.5v-8M4.8 5.5 8 2.3l3.2 3.2M2.5 10.5v3h11v-3" />`,
  download: html`<path d="M8 2.3v8M4.8 7.3 8 10.5l3.2-3.2M2.5 10.5v3h11v-3" />`,
  copy: html`<rect x="5.5" y="5.5" width="8" height="8" rx="1.5" /><path d="M10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5" />`,
  check: html`<path d="m3 8.5 3.3 3.3L13 4.8" />`,
  cross: html`<path d="m4 4 8 8M12 4l-8 8" />`,
  retry: html`<path d="M13.3 8a5.3 5.3 0 1 1-1.6-3.8M13.5 2v3h-3" />`,
  pause: html`<path d="M5.5 3.5v9M10.5 3.5v9" />`,
  play: html`<path d="m5 3.3 7.5 4.7L5 12.7Z" />`,
  search: html`<circle cx="7" cy="7" r="4.3" /><path d="m10.3 10.3 3.4 3.4" />`,
  light: html`<circle cx="8" cy="8" r="3" /><path d="M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9" />`,
  dark: html`<path d="M13.5 9.7A5.8 5.8 0 1 1 6.3 2.5a4.7 4.7 0 0 0 7.2 7.2Z" />`,
  auto: html`<circle cx="8" cy="8" r="5.5" /><path d="M8 2.5v11a5.5 5.5 0 0 0 0-11Z" fill="currentColor" />`,
  next: html`<path d="m6 3.5 4.5 4.5L6 12.5" />`,
  back: html`<path d="M10 3.5 5.5 8l4.5 4.5" />`,
  warning: html`<path d="M8 2.5 14.3 13.3H1.7ZM8 6.5v3.3M8 11.4v.2" />`,
  book: html`<path d="M8 4c-1.2-1-3.2-1.2-5.5-1.2v9.4c2.3 0 4.3.2 5.5 1.2 1.2-1 3.2-1.2 5.5-1.2V2.8C11.2 2.8 9.2 3 8 4Zm0 0v9.4" />`,
  file: html`<path d="M9 1.8H4.5A1 1 0 0 0 3.5 2.8v10.4a1 1 0 0 0 1 1h7a1 1 0 0 0 1-1V5.3Zm0 0v3.5h3.5" />`,
  user: html`<circle cx="8" cy="5.2" r="2.7" /><path d="M2.8 13.5c.5-2.7 2.5-4.2 5.2-4.2s4.7 1.5 5.2 4.2" />`,
  key: html`<circle cx="5" cy="11" r="2.7" /><path d="m7 9 6.3-6.3M10.3 5.7l2.4 2.4M12.2 3.8l1.6 1.6" />`,
  stop: html`<rect x="4" y="4" width="8" height="8" rx="1" />`,
  bin: html`<path d="M2.5 4.3h11M6 4V2.5h4V4M4 4.5l.6 9h6.8l.6-9" />`,
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${DRAWINGS[name]}</svg>`;
}

/** A ring of light around something that gives none. */
export function Mark() {
  return html`
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <ellipse class="mark-disc" cx="16" cy="16" rx="14" ry="4.8" transform="rotate(-20 16 16)" />
      <circle class="mark-body" cx="16" cy="16" r="7.6" />
      <path class="mark-light" d="M2.9 21C6 22.7 24 17 29 11" />
    </svg>
  `;
}
