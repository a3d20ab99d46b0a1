import { setting, urlOf } from '../../shared/server';
import { credential } from './credential';

/** How people sign in at the issuer; undefined if the server has no client there. */
export const oidc =
  setting('oidc-client-id') === ''
    ? undefined
    : {
        issuer: setting('oidc-issuer'),
        clientId: setting('oidc-client-id'),
        audience: setting('oidc-audience'),
        scope: setting('oidc-scope'),
      };

const KEY = 'sync-history:sign-in';

/** What is remembered while the viewer is at the issuer. */
interface Attempt {
  state: string;
  verifier: string;
  tokenEndpoint: string;
}

interface Discovery {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
}

export class SignInError extends Error {}

const encode = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const random = () => encode(crypto.getRandomValues(new Uint8Array(32)));

/** The issuer returns here. Registered there as a redirect URI. */
const redirectUri = () => urlOf('/access').href;

async function discover(issuer: string): Promise<Discovery> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok) throw new SignInError('The issuer does not respond.');
  const discovery = (await response.json()) as Discovery;
  if (discovery.issuer !== issuer) throw new SignInError('The issuer describes itself as another one.');
  return discovery;
}

/** Goes to the issuer: authorization code with PKCE (RFC 7636). */
export async function signIn() {
  if (oidc === undefined) return;
  // Browsers have it only where nobody can have changed this page on its way.
  if (!('subtle' in crypto)) throw new SignInError('Signing in needs https.');
  const { authorization_endpoint, token_endpoint } = await discover(oidc.issuer);
  const attempt: Attempt = { state: random(), verifier: random(), tokenEndpoint: token_endpoint };
  sessionStorage.setItem(KEY, JSON.stringify(attempt));
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(attempt.verifier));
  const url = new URL(authorization_endpoint);
  const parameters = {
    response_type: 'code',
    client_id: oidc.clientId,
    redirect_uri: redirectUri(),
    scope: oidc.scope,
    audience: oidc.audience,
    state: attempt.state,
    code_challenge: encode(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  location.assign(url);
}

/** Whether the address is that to which the issuer has sent the viewer back. */
export const isCallback = (search: string) => {
  const params = new URLSearchParams(search);
  return oidc !== undefined && params.has('state') && (params.has('code') || params.has('error'));
};

/** Exchanges the code of the address for an access token. */
export async function completeSignIn(search: string) {
  const params = new URLSearchParams(search);
  const attempt = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Attempt | null;
  sessionStorage.removeItem(KEY);
  if (oidc === undefined || attempt === null || params.get('state') !== attempt.state) {
    throw new SignInError('This sign-in was not begun in this tab. Try again.');
  }
  const issuer = params.get('iss');
  if (issuer !== null && issuer !== oidc.issuer) throw new SignInError('Another issuer has responded.');
  const error = params.get('error');
  if (error !== null) throw new SignInError(params.get('error_description') ?? `The issuer responds: ${error}.`);
  const response = await fetch(attempt.tokenEndpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: params.get('code') ?? '',
      redirect_uri: redirectUri(),
      client_id: oidc.clientId,
      code_verifier: attempt.verifier,
    }),
  }).catch(() => undefined);
  const tokens = (await response?.json().catch(() => undefined)) as { access_token?: string } | undefined;
  if (typeof tokens?.access_token !== 'string') throw new SignInError('The issuer has issued no access token.');
  credential.set(tokens.access_token);
}
