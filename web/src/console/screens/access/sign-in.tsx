import { useState } from 'preact/hooks';
import { credential } from '../../lib/credential';
import { OidcSignIn } from './oidc-sign-in';

/** Takes an API key or access token for this tab. */
export function SignIn({ isRejected }: { isRejected: boolean }) {
  const [text, setText] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    const value = text.trim().replace(/^bearer\s+/i, '');
    if (value === '') return;
    setText('');
    credential.set(value);
  };
  return (
    <>
      <div class="panel-head">
        <h2>Sign in</h2>
      </div>
      <OidcSignIn />
      <form class="text" onSubmit={submit}>
        <label class="field">
          API key or access token
          <input
            type="password"
            autoComplete="off"
            spellcheck={false}
            value={text}
            aria-invalid={isRejected}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <p class="muted">It is kept in this tab until you close it, and is used by GraphiQL, too.</p>
        <div class="actions">
          <button class="button primary" disabled={text.trim() === ''}>
            Sign in
          </button>
        </div>
      </form>
    </>
  );
}
