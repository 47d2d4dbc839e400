// Watch time: which films, which users, and who streams just now.

import { html, useMemo } from '../vendor/preact-htm.js';
import { call, pathWith, useAnswer, usePages } from '../api.js';
import { Curve } from '../chart.js';
import { count, duration, position } from '../format.js';
import { Icon } from '../icons.js';
import { Action, Ago, Card, Choice, Empty, Failure, Figure, Loading, More, Name, Search, Share, Table, View } from '../parts.js';
import { addressOf, replace } from '../router.js';

const REFRESH_SECONDS = 5;
const RETENTION_BUCKETS = 60;

export function Watch({ query }) {
  const [movie, user] = [query.get('movie'), query.get('user')];
  const board = query.get('board') === 'users' ? 'users' : 'films';
  const to = (part) => addressOf('watch', null, { board: query.get('board'), movie, user, ...part });
  const curl = [{ path: boardPath(board) }];
  if (movie) curl.push({ path: moviePath(movie, 'retention') });
  if (user) curl.push({ path: userPath(user, 'watch-time') }, { path: userPath(user, 'streams') });
  return html`
    <${View} title="Watch" curl=${curl} actions=${html`
      <${Search} label="Look up a user" value=${user ?? ''} placeholder="Look up a user" onChange=${(value) => replace(to({ user: value }))} delayMs=${500} />`}>
      ${user && html`<${User} user=${user} to=${to} />`}
      <div class="columns">
        <${Leaderboard} board=${board} movie=${movie} user=${user} to=${to} />
        <${Movie} slug=${movie} />
      </div>
    <//>
  `;
}

const moviePath = (slug, part) => `/v1/movies/${encodeURIComponent(slug)}/${part}`;
const userPath = (user, part) => `/v1/users/${encodeURIComponent(user)}/${part}`;

const BOARDS = [{ value: 'films', label: 'Films' }, { value: 'users', label: 'Users' }];
const boardPath = (board) => `/v1/${board === 'users' ? 'users' : 'movies'}?order=watch_time&limit=50`;

function Leaderboard({ board, movie, user, to }) {
  const isUsers = board === 'users';
  const pages = usePages(boardPath(board), { everySeconds: REFRESH_SECONDS });
  const nameOf = (row) => (isUsers ? row.user : row.slug);
  const chosen = isUsers ? user : movie;
  const most = pages.items[0]?.watch_time_seconds ?? 0;
  const columns = [
    {
      name: isUsers ? 'User' : 'Film', wide: true,
      cell: (row) => html`
        <a href=${to(isUsers ? { user: row.user } : { movie: row.slug })} aria-current=${nameOf(row) === chosen ? 'true' : null}><${Name} of=${nameOf(row)} /></a>
        <${Share} part=${row.watch_time_seconds} all=${most} colour=${4} />`,
    },
    { name: 'Watched', align: 'right', cell: (row) => duration(row.watch_time_seconds) },
    { name: isUsers ? 'Films' : 'Viewers', align: 'right', cell: (row) => count(isUsers ? row.movies : row.viewers) },
    { name: 'Heartbeats', align: 'right', cell: (row) => count(row.heartbeats) },
  ];
  const choice = html`<${Choice} label="Of what" name="board" value=${board} options=${BOARDS}
    onChange=${(value) => replace(to({ board: value === 'films' ? null : value }))} />`;
  return html`
    <${Card} title="Most watched" flush aside=${choice}>
      <${Failure} error=${pages.error} again=${pages.again} />
      <${Table} caption=${`${isUsers ? 'Users' : 'Films'} by watch time`} columns=${columns} rows=${pages.items} keyOf=${nameOf}
        empty=${pages.loading ? html`<${Loading} />` : !pages.error && html`<${Empty} icon="watch" title="Nobody has watched anything yet" />`} />
      <${More} pages=${pages} />
    <//>
  `;
}

function Movie({ slug }) {
  const answer = useAnswer(slug && pathWith(moviePath(slug, 'retention'), { buckets: RETENTION_BUCKETS }), { everySeconds: REFRESH_SECONDS });
  const points = answer.data?.points;
  const xs = useMemo(() => points?.map((point) => point.at) ?? [], [points]);
  const ys = useMemo(() => points?.map((point) => point.viewers) ?? [], [points]);
  const columns = [
    { name: 'Position', cell: (row) => position(row.at) },
    { name: 'Viewers', align: 'right', cell: (row) => count(row.viewers) },
  ];
  return html`
    <${Card} title=${slug ? 'How far they came' : 'Retention'} aside=${slug && html`<span class="muted"><${Name} of=${slug} /></span>`}>
      ${!slug && html`<${Empty} icon="overview" title="Choose a film">Its curve shows how many viewers saw each part.<//>`}
      <${Failure} error=${answer.error} again=${answer.again} />
      ${slug && answer.loading && !answer.data && html`<${Loading} />`}
      ${xs.length > 0 && html`
        <${Curve} xs=${xs} ys=${ys} xWords=${position} label=${`Viewers of ${slug} by position; the table below has the figures`} />
        <details class="behind"><summary>The figures behind the curve</summary>
          <${Table} caption=${`Viewers of ${slug} by position`} columns=${columns} rows=${points} keyOf=${(row) => row.at} />
        </details>
      `}
    <//>
  `;
}

function User({ user, to }) {
  const total = useAnswer(userPath(user, 'watch-time'), { everySeconds: REFRESH_SECONDS });
  const films = usePages(userPath(user, 'movies?limit=50'), { everySeconds: REFRESH_SECONDS });
  const streams = useAnswer(userPath(user, 'streams'), { everySeconds: REFRESH_SECONDS });
  const columns = [
    { name: 'Film', wide: true, cell: (row) => html`<a href=${to({ movie: row.slug })}><${Name} of=${row.slug} /></a>` },
    { name: 'Goes on at', align: 'right', cell: (row) => position(row.latest_at) },
    { name: 'Furthest', align: 'right', cell: (row) => position(row.furthest_at) },
    { name: 'Watched', align: 'right', cell: (row) => duration(row.watch_time_seconds) },
    { name: 'Last seen', cell: (row) => html`<${Ago} at=${row.latest_seen_at} />` },
  ];
  const unknown = total.error?.status === 404;
  return html`
    <section class="stack" aria-label=${`The user ${user}`}>
      <div class="section-head"><h2><${Icon} name="user" /><${Name} of=${user} /></h2>
        <a class="button" href=${to({ user: null })}><${Icon} name="cross" />Close</a></div>
      <dl class="figures">
        <${Figure} name="Watched" value=${duration(total.data?.watch_time_seconds)} />
        <${Figure} name="Films" value=${count(total.data?.movies)} />
        <${Figure} name="Heartbeats" value=${count(total.data?.heartbeats)} />
        <${Figure} name="Streams now" value=${streams.data ? `${streams.data.active} of ${streams.data.limit}` : '–'}
          tone=${streams.data && streams.data.active >= streams.data.limit ? 'warn' : null} />
      </dl>
      <div class="columns wide-first">
        <${Card} title="Continue watching" flush>
          <${Failure} error=${unknown ? null : films.error} again=${films.again} />
          <${Table} caption=${`Films of ${user}`} columns=${columns} rows=${films.items} keyOf=${(row) => row.slug}
            empty=${films.loading ? html`<${Loading} />` : (unknown || !films.error) && html`<${Empty} icon="watch" title="Nothing watched yet" />`} />
          <${More} pages=${films} />
        <//>
        <${Streams} user=${user} answer=${streams} />
      </div>
    </section>
  `;
}

function Streams({ user, answer }) {
  const end = (stream) => () => call(`${userPath(user, 'streams')}/${encodeURIComponent(stream.stream_id)}?by=operator`, { method: 'DELETE' });
  const streams = answer.data?.streams ?? [];
  return html`
    <${Card} title="Active streams">
      <${Failure} error=${answer.error} again=${answer.again} />
      ${streams.length === 0 && !answer.loading && !answer.error && html`<${Empty} icon="play" title="No stream runs" />`}
      <ul class="streams">
        ${streams.map((stream) => html`
          <li key=${stream.stream_id}>
            <div><strong><${Name} of=${stream.slug ?? stream.stream_id} /></strong><span class="muted"><bdi>${stream.device ?? 'unknown device'}</bdi>, since <${Ago} at=${stream.started_at} /></span></div>
            <${Action} label="End" icon="stop" work=${end(stream)} onDone=${answer.again} confirm=${`End this stream of ${user}? Its player is told so.`} />
          </li>
        `)}
      </ul>
    <//>
  `;
}
