import { useEffect, useState } from 'preact/hooks';
import { completeSignIn, isCallback, oidc, signIn, SignInError } from '../../lib/oidc';
import { currentLocation, navigate } from '../../router';

const message = (error: unknown) => (error instanceof SignInError ? error.message : 'The issuer does not respond.');

/** Signs in at the issuer, and completes it when the issuer sends the viewer back. */
export function OidcSignIn() {
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  useEffect(() => {
    const { search } = currentLocation.get();
    if (!isCallback(search)) return;
    setBusy(true);
    // The code is of use once: it is not kept in the history.
    navigate('/access', { replace: true });
    completeSignIn(search)
      .catch((problem: unknown) => setError(message(problem)))
      .finally(() => setBusy(false));
  }, []);

  if (oidc === undefined) return null;
  const start = () => {
    setBusy(true);
    setError(undefined);
    signIn().catch((problem: unknown) => {
      setError(message(problem));
      setBusy(false);
    });
  };
  return (
    <div class="text oidc">
      <button type="button" class="button primary" disabled={isBusy} onClick={start}>
        {isBusy ? 'Signing in…' : `Sign in at ${new URL(oidc.issuer).host}`}
      </button>
      {error !== undefined && (
        <p class="some" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}
