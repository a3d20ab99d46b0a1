import {
  cacheExchange,
  Client,
  fetchExchange,
  type OperationResult,
  subscriptionExchange,
} from '@urql/preact';
import { urlOf } from '../../shared/server';
import { authorization, credential } from '../lib/credential';
import { createStore } from '../lib/store';
import { currentSocket, restartConnection } from './connection';

function create() {
  return new Client({
    url: urlOf('/graphql').href,
    preferGetMethod: false,
    requestPolicy: 'cache-and-network',
    fetchOptions: () => ({ headers: authorization() }),
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables = {} }) => ({
          subscribe(sink) {
            // graphql-ws sends the payload again when it reconnects: by then with the last cursor.
            const payload = { query, variables: { ...variables } as Record<string, unknown> };
            const unsubscribe = currentSocket().subscribe<Record<string, { cursor?: string } | null>>(payload, {
              next: (result) => {
                const [change] = Object.values(result.data ?? {});
                if (change?.cursor !== undefined) payload.variables.after = change.cursor;
                sink.next(result as Parameters<typeof sink.next>[0]);
              },
              error: (error) => sink.error(error),
              complete: () => sink.complete(),
            });
            return { unsubscribe };
          },
        }),
      }),
    ],
  });
}

/** The GraphQL client of the current credential. What another principal has read is forgotten. */
export const session = createStore({ client: create(), generation: 1 });

credential.subscribe(() => {
  restartConnection();
  session.set({ client: create(), generation: session.get().generation + 1 });
});

/** The code of an error, such as FORBIDDEN; undefined if the server was not reached. */
export function errorCode(error: OperationResult['error']): string | undefined {
  const code = error?.graphQLErrors[0]?.extensions.code;
  return typeof code === 'string' ? code : undefined;
}
