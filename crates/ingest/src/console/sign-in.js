// Asks for a key where the server does, and says whose is in use.

import { html, useEffect, useRef, useState } from './vendor/preact-htm.js';
import { signIn, signOut } from './door.js';
import { Icon } from './icons.js';
import { Command } from './parts.js';
import { now, useStore } from './store.js';

export function SignIn() {
  const turnedAway = useStore((state) => state.turnedAway);
  return turnedAway && html`<${Asked} last=${turnedAway.last} />`;
}

function Asked({ last }) {
  const [wrong, setWrong] = useState(last && `The key ${last.id} does not open anything any more: it was revoked, or has expired.`);
  const [busy, setBusy] = useState(false);
  const dialog = useRef(null);
  const field = useRef(null);
  const open = () => {
    if (dialog.current?.isConnected) dialog.current.showModal();
  };
  useEffect(open, []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const refused = await signIn(field.current.value.trim());
    if (refused === null) return;
    setWrong(refused);
    setBusy(false);
    field.current.select();
  };
  return html`
    <dialog class="sign-in" ref=${dialog} aria-labelledby="sign-in-title" onClose=${open} onCancel=${(event) => event.preventDefault()}>
      <h2 id="sign-in-title">Sign in</h2>
      <p>This server wants an API key. One of the kind <code>read</code> sees everything here; one of the kind <code>admin</code> acts, too:
        it uploads, cancels, retries, sends again.</p>
      <form onSubmit=${submit}>
        <label for="api-key">API key</label>
        <input ref=${field} id="api-key" type="password" required autofocus autocomplete="off" spellcheck=${false} placeholder="eh_read_…"
          aria-invalid=${wrong !== null} aria-describedby="api-key-wrong" />
        <button type="submit" class="button primary" disabled=${busy}>${busy ? 'Asking…' : 'Sign in'}</button>
        <p id="api-key-wrong" class="bad" role="alert">${wrong}</p>
      </form>
      <p class="muted">Where the server runs, this makes one:</p>
      <${Command} text="event-horizon keys create --kind read" />
      <p class="muted small">The key stays in this tab, until it is closed or you sign out. The <a href="/docs/">API description</a> is open to everybody.</p>
    </dialog>
  `;
}

const MAY = { read: 'It sees everything here.', admin: 'It sees everything here, and acts.' };

/** Nothing where no key is in use. */
export function WhoIsIn() {
  const key = useStore((state) => state.key);
  if (!key) return null;
  return html`
    <button type="button" class="button who" popovertarget="who" title=${`Signed in by the key ${key.id}`}>
      <${Icon} name="key" /><span class="who-name"><span class="visually-hidden">Signed in by a key of the kind </span>${key.kind} <code>${key.id}</code></span>
    </button>
    <div id="who" popover="auto">
      <p>Signed in by the key <code>${key.id}</code> of the kind <code>${key.kind}</code>. ${MAY[key.kind]}</p>
      <button type="button" class="button" onClick=${leave}>Sign out</button>
    </div>
  `;
}

function leave() {
  const isSending = now().uploads.some((one) => one.state === 'sending' || one.state === 'waiting');
  if (!isSending || confirm('Files are on their way to the server and would not arrive. Sign out all the same?')) signOut();
}
