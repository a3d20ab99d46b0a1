// The console and GraphiQL share the credential of a tab. Session storage ends with the tab, and is sent to nobody.
const KEY = 'sync-history:credential';

/** Returns the API key or access token of this tab. */
export const readCredential = () => sessionStorage.getItem(KEY);

export function storeCredential(value: string | null) {
  if (value === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
}
