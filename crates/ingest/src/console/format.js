// Numbers, times and sizes, as people read them.

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value) => (value === null || value === undefined ? '–' : whole.format(value));
export const short = (value) => (Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value));
export const percent = (part, all) => (all > 0 ? `${((part / all) * 100).toFixed(part / all < 0.1 ? 1 : 0)} %` : '–');

/** Names are what clients make them. */
export function clipped(name, charsMax = 32) {
  const letters = [...name];
  return letters.length <= charsMax ? name : `${letters.slice(0, charsMax - 1).join('')}…`;
}

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return '–';
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : short(Math.round(perSecond));
}

export function bytes(size) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** 3725 s as "1 h 2 min". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const all = Math.round(seconds);
  if (all < 60) return `${all} s`;
  const minutes = Math.floor(all / 60);
  if (minutes < 60) return `${minutes} min ${all % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A position in a film: 4500 as "1:15:00". */
export function position(seconds) {
  const all = Math.floor(seconds);
  const two = (part) => String(part).padStart(2, '0');
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

export function ago(at, from = Date.now()) {
  const seconds = Math.max(0, (from - Date.parse(at)) / 1000);
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return day(at);
}

const dayForm = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const clockForm = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const momentForm = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit',
});

export const day = (at) => dayForm.format(new Date(at));
export const clock = (at) => clockForm.format(new Date(at));
export const moment = (at) => momentForm.format(new Date(at));
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** With thousandths, where the order within a second matters. */
export const preciseClock = (at) => `${clock(at)}.${String(new Date(at).getMilliseconds()).padStart(3, '0')}`;

/** A date in the reader's zone as `2025-05-29`. */
export function isoDay(at) {
  const date = new Date(at);
  const two = (part) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
