// Charts, and the colours of what is in them.

import { html, useEffect, useRef, useState } from './vendor/preact-htm.js';
import uPlot from './vendor/uplot.js';
import { short } from './format.js';

const COLOURS = 10;
const OWN_COLOURS = [
  'view', 'click', 'location', 'watch', 'app_launch', 'training_program_started', 'training_program_finished',
  'training_program_cancelled', 'stream_started', 'stream_ended',
];

/** A type keeps its colour on every page, whoever else is in the picture. */
export function colourOf(type) {
  const own = OWN_COLOURS.indexOf(type);
  if (own >= 0) return (own % COLOURS) + 1;
  const sum = [...type].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)) >>> 0, 7);
  return (sum % COLOURS) + 1;
}

/** Canvas knows no custom properties: the colour is asked of an element that wears it. */
function resolve(name) {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** Counts how often the colours changed, by the switch or by the system. */
function useThemeTurn() {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const next = () => setTurn((count) => count + 1);
    const system = matchMedia('(prefers-color-scheme: dark)');
    const watching = new MutationObserver(next);
    watching.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    system.addEventListener('change', next);
    return () => {
      watching.disconnect();
      system.removeEventListener('change', next);
    };
  }, []);
  return turn;
}

const hourForm = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dayForm = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** The hour, and at midnight the day. */
function timeWords(seconds) {
  const at = new Date(seconds * 1000);
  return at.getHours() === 0 && at.getMinutes() === 0 ? dayForm.format(at) : hourForm.format(at);
}

function axes() {
  const [ink, line] = [resolve('--ink-muted'), resolve('--line-soft')];
  const font = '11px system-ui, sans-serif';
  const ticks = { show: false };
  return [
    { stroke: ink, font, ticks, grid: { show: false }, gap: 8, size: 30, space: 74 },
    {
      stroke: ink, font, ticks, grid: { stroke: line, width: 1 }, gap: 6, space: 44,
      size: (_, labels) => Math.max(30, ...(labels ?? []).map((label) => label.length * 7 + 14)),
      values: (_, values) => values.map((value) => (Number.isInteger(value) ? short(value) : '')),
    },
  ];
}

function timeAxes() {
  const [x, y] = axes();
  return [{ ...x, values: (_, values) => values.map(timeWords) }, y];
}

/** Draws again when what is shown, the colours, or the room for it change. */
function usePlot(build, dependencies) {
  const room = useRef(null);
  const turn = useThemeTurn();
  useEffect(() => {
    const element = room.current;
    const size = () => ({ width: element.clientWidth, height: element.clientHeight });
    const { options, data } = build();
    const plot = new uPlot({ ...size(), ...options }, data, element);
    const fitting = new ResizeObserver(() => plot.setSize(size()));
    fitting.observe(element);
    return () => {
      fitting.disconnect();
      plot.destroy();
    };
  }, [...dependencies, turn]);
  return room;
}

/** Bars on top of each other: each is drawn from the ground, the tallest first. */
export function StackedBars({ times, series, stepSeconds, label, onHover, onZoom }) {
  const room = usePlot(() => {
    const sums = [];
    series.forEach(({ values }, at) => {
      sums.push(values.map((value, bucket) => value + (at > 0 ? sums[at - 1][bucket] : 0)));
    });
    const bars = uPlot.paths.bars({ size: [0.82, 48], align: 1, radius: 0 });
    const drawn = series
      .map(({ colour }) => resolve(`--series-${colour}`))
      .map((colour) => ({ fill: colour, stroke: colour, width: 0, paths: bars, points: { show: false } }));
    const end = times.at(-1) + stepSeconds;
    const options = {
      scales: { x: { time: true, range: () => [times[0], end] }, y: { range: (_, low, high) => [0, Math.max(4, high * 1.08)] } },
      axes: timeAxes(),
      legend: { show: false },
      cursor: {
        y: false, points: { show: false }, drag: { x: true, y: false, setScale: false },
        // The bar under the pointer, not the nearest edge.
        dataIdx: (plot, seriesAt, nearest, value) => {
          const later = times.findIndex((time) => time > value);
          return later === -1 ? times.length - 1 : Math.max(0, later - 1);
        },
      },
      series: [{}, ...drawn.reverse()],
      hooks: {
        setCursor: [(plot) => onHover?.(plot.cursor.left >= 0 ? plot.cursor.idxs?.[1] ?? plot.cursor.idx : null)],
        setSelect: [(plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          onZoom?.(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        }],
      },
    };
    return { options, data: [times, ...sums.reverse()] };
  }, [times, series]);
  return html`<div class="chart" ref=${room} role="img" aria-label=${label}></div>`;
}

/** Seconds of a film between two words below the curve: positions are read in minutes and hours. */
const POSITION_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 604_800, 2_592_000, 31_536_000];

/** A line over the length of a film. */
export function Curve({ xs, ys, label, xWords, colour = 4 }) {
  const room = usePlot(() => {
    const stroke = resolve(`--series-${colour}`);
    const [x, y] = axes();
    const options = {
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(2, high * 1.1)] } },
      axes: [{ ...x, incrs: POSITION_STEPS, values: (_, values) => values.map(xWords) }, y],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false, setScale: false } },
      series: [{}, {
        stroke, width: 2, points: { show: false },
        fill: resolve(`--series-${colour}-soft`),
        paths: uPlot.paths.stepped({ align: 1 }),
      }],
    };
    return { options, data: [xs, ys] };
  }, [xs, ys]);
  return html`<div class="chart" ref=${room} role="img" aria-label=${label}></div>`;
}
