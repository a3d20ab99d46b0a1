import { readCredential, storeCredential } from '../../shared/credential';
import { createStore } from './store';

/** The API key or access token of this tab. */
export const credential = createStore(readCredential());

credential.subscribe(() => storeCredential(credential.get()));

/** The headers that authenticate a request. */
export const authorization = (): { authorization?: string } => {
  const value = credential.get();
  return value === null ? {} : { authorization: `Bearer ${value}` };
};
