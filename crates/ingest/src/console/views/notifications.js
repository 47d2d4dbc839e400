// What the rules made of the events: messages, their fate, and what a rule would have sent.

import { html, useState } from '../vendor/preact-htm.js';
import { call, pathWith, useAnswer, usePages } from '../api.js';
import { clock, count, isoDay, moment, zone } from '../format.js';
import { Action, Ago, Card, Choice, CopyAsCurl, Empty, Failure, Loading, More, Name, Search, State, Table, View } from '../parts.js';
import { addressOf, replace } from '../router.js';

const REFRESH_SECONDS = 3;
const STATES = ['', 'held', 'pending', 'delivered', 'failed', 'suppressed', 'withdrawn'].map((value) => ({ value, label: value || 'all' }));
const RULE_EXAMPLE = `[[rule]]
name = "short-training"
kind = "duration"
start = "training_program_started"
finish = "training_program_finished"
key = "payload.program.id"
longer_than = "5m"
at_most = "24h"
message = "{minutes} minutes done."
`;

export function Notifications({ query }) {
  const [state, user] = [query.get('state') ?? '', query.get('user') ?? ''];
  const path = pathWith('/api/v1/notifications', { state, user_id: user, limit: 20 });
  const pages = usePages(path, { everySeconds: REFRESH_SECONDS });
  const filter = (part) => replace(addressOf('notifications', null, { state, user, ...part }));
  const columns = [
    { name: 'State', cell: (row) => html`<${State} word=${row.state} />${row.suppression && html`<span class="muted small below">${row.suppression.replaceAll('_', ' ')}</span>`}` },
    { name: 'User', cell: (row) => html`<a href=${addressOf('watch', null, { user: row.user_id })}><${Name} of=${row.user_id} /></a>` },
    { name: 'Message', wide: true, cell: (row) => html`<bdi class="message">${row.message}</bdi><span class="muted small">${row.rule}</span>` },
    { name: 'Attempts', align: 'right', cell: (row) => count(row.attempts) },
    { name: 'When', cell: (row) => html`<${When} of=${row} />` },
    { name: 'Last answer', cell: (row) => (row.last_error ? html`<span class="reason">${row.last_error}</span>` : html`<span class="muted">–</span>`) },
    { name: 'Actions', silent: true, cell: (row) => html`<${Resend} of=${row} again=${pages.again} />` },
  ];
  return html`
    <${View} title="Notifications" curl=${[{ path }, { path: '/api/v1/rules' }]}>
      <div class="toolbar">
        <${Choice} label="State" name="state" value=${state} options=${STATES} onChange=${(value) => filter({ state: value })} />
        <${Search} label="User" value=${user} placeholder="of one user" onChange=${(value) => filter({ user: value })} />
      </div>
      <${Failure} error=${pages.error} again=${pages.again} />
      <${Card} flush>
        <${Table} caption="Notifications" columns=${columns} rows=${pages.items} keyOf=${(row) => row.notification_id}
          empty=${pages.loading ? html`<${Loading} />` : !pages.error && html`<${Empty} icon="notifications" title=${state ? `No message is ${state}` : 'No rule had anything to say yet'} />`} />
        <${More} pages=${pages} />
      <//>
      <div class="columns">
        <${RulesInForce} />
        <${DryRun} />
      </div>
    <//>
  `;
}

function When({ of }) {
  if (of.delivered_at) return html`<${Ago} at=${of.delivered_at} />`;
  const next = of.next_try_at ?? (of.state === 'held' || of.state === 'pending' ? of.send_at : null);
  return next
    ? html`<span title="when it is sent, or tried again">at ${clock(next)}</span>`
    : html`<time dateTime=${of.created_at} title="when it was made">${moment(of.created_at)}</time>`;
}

const RESENDABLE = ['failed', 'delivered', 'suppressed'];

function Resend({ of, again }) {
  if (!RESENDABLE.includes(of.state)) return null;
  return html`<${Action} label="Resend" icon="retry" quiet onDone=${again}
    work=${() => call(`/api/v1/notifications/${encodeURIComponent(of.notification_id)}/resend`, { method: 'POST' })} />`;
}

const SHOWN_APART = ['name', 'kind', 'message'];

function RulesInForce() {
  const answer = useAnswer('/api/v1/rules');
  const rules = answer.data?.items ?? [];
  return html`
    <${Card} title="Rules in force">
      <${Failure} error=${answer.error} again=${answer.again} />
      ${answer.loading && html`<${Loading} />`}
      <ul class="rules">
        ${rules.map(({ name, kind, rule }) => html`
          <li key=${name}>
            <div class="rule-head"><strong>${name}</strong><span class="muted">${kind}</span></div>
            <p>${rule.message}</p>
            <dl class="rule-facts">${Object.entries(rule).filter(([member]) => !SHOWN_APART.includes(member)).map(([member, value]) => html`
              <div key=${member}><dt>${member.replaceAll('_', ' ')}</dt><dd>${Array.isArray(value) ? value.join(', ') : String(value)}</dd></div>`)}</dl>
          </li>
        `)}
      </ul>
    <//>
  `;
}

/** What a rule would have sent between two days: nothing leaves the house. */
function DryRun() {
  const [rule, setRule] = useState(RULE_EXAMPLE);
  const [from, setFrom] = useState(isoDay(Date.now() - 30 * 86_400_000));
  const [to, setTo] = useState(isoDay(Date.now()));
  const [result, setResult] = useState(null);
  // Days without a time are whole ones.
  const asked = {
    path: pathWith('/api/v1/rules/dry-run', { start: from, end: to, tz: zone }),
    method: 'POST', body: rule, headers: { 'content-type': 'application/toml' },
  };
  const run = async () => {
    setResult(await call(asked.path, { ...asked, acts: false }));
  };
  const columns = [
    { name: 'User', cell: (row) => html`<${Name} of=${row.user_id} />` },
    { name: 'Cause', cell: (row) => moment(row.cause_at) },
    { name: 'Message', wide: true, cell: (row) => row.message },
  ];
  return html`
    <${Card} title="Try a rule" aside=${html`<span class="muted">nothing is sent</span>`}>
      <div class="form">
        <label>Rule, as TOML<textarea rows="10" spellcheck=${false} value=${rule} onInput=${({ target }) => setRule(target.value)}></textarea></label>
        <div class="form-row">
          <label>From<input type="date" value=${from} onInput=${({ target }) => setFrom(target.value)} /></label>
          <label>To<input type="date" value=${to} onInput=${({ target }) => setTo(target.value)} /></label>
          <${Action} label="Run" icon="play" tone="primary" work=${run} />
          <${CopyAsCurl} calls=${[asked]} />
        </div>
      </div>
      ${result && html`
        <p role="status"><strong>${count(result.count)}</strong> ${result.count === 1 ? 'message' : 'messages'} in that time${result.complete ? '.' : ', as far as could be looked at in a few seconds.'}</p>
        <${Table} caption="What the rule would have sent" columns=${columns} rows=${result.items} keyOf=${(row) => row.cause_event_id} />
      `}
    <//>
  `;
}
