// Sends what is in the two fields and shows what comes back; shows the schema beside it.

import { html, render } from './vendor/preact-htm.js';
import { answerOf } from './api.js';
import { SignIn, WhoIsIn } from './sign-in.js';

const ADDRESS = '/graphql';
const KEPT = { query: 'eh-graphql-query', variables: 'eh-graphql-variables' };
const EXAMPLE = `# How much happened, and what became of the latest files.
query Overview($first: Int) {
  eventCounts { totalEvents }
  eventCountsByType { eventType count }
  jobs(first: $first) {
    items { jobId fileName status progressPercent linesIngested linesRejected }
    nextCursor
  }
}
`;
const EXAMPLE_VARIABLES = '{ "first": 5 }\n';

const element = (id) => document.getElementById(id);

/** What was written here before; a browser that keeps nothing forgets it. */
function kept(name, otherwise) {
  try {
    return sessionStorage.getItem(KEPT[name]) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(name) {
  try {
    sessionStorage.setItem(KEPT[name], element(name).value);
  } catch {
    // It is only for comfort.
  }
}

function say(state, text) {
  element('state').textContent = state;
  if (text !== undefined) element('answer').textContent = text;
}

/** Returns `undefined`, and says so, where the field holds no JSON. */
function variables() {
  const text = element('variables').value.trim();
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    say('not sent', `The variables are no JSON: ${error.message}`);
    return undefined;
  }
}

let latest = 0;

async function run() {
  const values = variables();
  if (values === undefined) return;
  keep('query');
  keep('variables');
  latest += 1;
  const mine = latest;
  say('asking…');
  try {
    const answer = await answerOf(ADDRESS, { method: 'POST', acts: false, body: { query: element('query').value, variables: values } });
    const text = await answer.text();
    if (mine === latest) say(`${answer.status}`, formatted(text));
  } catch (error) {
    if (mine === latest) say('not answered', error.message);
  }
}

function formatted(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function showSchema() {
  try {
    const answer = await fetch(ADDRESS, { headers: { accept: 'text/plain' } });
    element('schema').textContent = await answer.text();
  } catch (error) {
    element('schema').textContent = `The schema did not come: ${error}`;
  }
}

element('query').value = kept('query', EXAMPLE);
element('variables').value = kept('variables', EXAMPLE_VARIABLES);
element('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  run();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  run();
});
render(html`<${WhoIsIn} /><${SignIn} />`, element('door'));
showSchema();
