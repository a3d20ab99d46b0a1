import { errorCode } from '../../api/client';
import { type Scope, useViewer, type Viewer } from '../../api/viewer';
import { Skeleton } from '../../components/states';
import { credential } from '../../lib/credential';
import { useStore } from '../../lib/store';
import { href } from '../../router';
import { SignIn } from './sign-in';
import { Snippets } from './snippets';

export function AccessScreen() {
  const { viewer, error } = useViewer();
  const hasCredential = useStore(credential) !== null;
  const isRejected = errorCode(error) === 'UNAUTHENTICATED';
  return (
    <>
      <h1>Access</h1>
      <p class="sub">{isRejected ? 'The key or token is not accepted: it is wrong, expired or revoked.' : headline(viewer)}</p>
      <div class="two even">
        <section class="panel" aria-label="Who you are">
          <div class="panel-head">
            <h2>Who you are</h2>
            {hasCredential && (
              <button type="button" class="button small" onClick={() => credential.set(null)}>
                Sign out
              </button>
            )}
          </div>
          {viewer !== undefined ? <Identity viewer={viewer} /> : isRejected ? <p class="text">Nobody is signed in.</p> : <Skeleton rows={4} />}
        </section>
        <section class="panel" aria-label="Sign in">
          <SignIn isRejected={isRejected} />
        </section>
      </div>
      <section class="panel" aria-label="Use the API">
        <div class="panel-head">
          <h2>Use the API</h2>
          <a href={href('/graphiql')}>Explore it in GraphiQL</a>
        </div>
        <Snippets />
      </section>
    </>
  );
}

function headline(viewer: Viewer | undefined) {
  if (viewer === undefined) return '\u00a0';
  const rights = SCOPES.filter(({ scope }) => viewer.scopes.includes(scope) || viewer.scopes.includes('admin'));
  if (rights.length === 0) return 'You are not signed in, and may see nothing here.';
  if (rights.length === SCOPES.length) return 'You may do everything.';
  const lacking = SCOPES.filter((one) => !rights.includes(one));
  return `You may ${list(rights)}, but not ${list(lacking)}.`;
}

const list = (scopes: readonly { short: string }[]) => scopes.map(({ short }) => short).join(', ');

const SCOPES: { scope: Scope; short: string; meaning: string }[] = [
  { scope: 'read', short: 'read', meaning: 'See runs, events and statistics, and follow them' },
  { scope: 'report', short: 'report', meaning: 'Create runs, add events, report progress, complete runs' },
  { scope: 'operate', short: 'cancel', meaning: 'Cancel runs, and report them for other users' },
  { scope: 'admin', short: 'delete', meaning: 'Everything, and delete runs' },
];

const KINDS = { ANONYMOUS: 'Not signed in', API_KEY: 'An API key', USER: 'A person' };

function Identity({ viewer }: { viewer: Viewer }) {
  const isAdmin = viewer.scopes.includes('admin');
  return (
    <>
      <dl class="facts">
        <dt>You are</dt>
        <dd>{KINDS[viewer.kind]}</dd>
        {viewer.name !== null && (
          <>
            <dt>Name</dt>
            <dd>{viewer.user?.fullName ?? viewer.name}</dd>
          </>
        )}
        {viewer.user !== null && (
          <>
            <dt>E-mail</dt>
            <dd>{viewer.user.email}</dd>
          </>
        )}
      </dl>
      <table class="scopes">
        <caption class="hidden">What you may do</caption>
        <tbody>
          {SCOPES.map(({ scope, meaning }) => {
            const granted = isAdmin || viewer.scopes.includes(scope);
            return (
              <tr key={scope} class={granted ? undefined : 'muted'}>
                <th scope="row">
                  <code>{scope}</code>
                </th>
                <td>{meaning}</td>
                <td>{granted ? 'yes' : 'no'}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </>
  );
}
