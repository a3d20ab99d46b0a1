import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-ws';
import { readCredential } from '../shared/credential';
import { urlOf, webSocketUrlOf } from '../shared/server';

const PING_INTERVAL_MS = 15_000;
const PONG_TIMEOUT_MS = 10_000;
const MAX_RETRY_DELAY_MS = 10_000;

// Close code of a rejected connection_init. A retry would send the same headers.
const CLOSE_FORBIDDEN = 4403;

// Contents of the headers editor at the start of the latest operation. Browsers
// cannot set headers on a WebSocket handshake, so connection_init carries them.
let headers: Record<string, unknown> = {};
let pongTimeout: ReturnType<typeof setTimeout> | undefined;

const wsClient = createClient({
  url: webSocketUrlOf('/graphql').href,
  // Connects for the first subscription and disconnects after the last one.
  lazy: true,
  connectionParams: () => headers,
  // Subscriptions resume after an outage of any length. An unreachable server
  // causes an Event, not a CloseEvent, and the default `shouldRetry` would not retry.
  retryAttempts: Infinity,
  shouldRetry: (problem) => (problem as { code?: number }).code !== CLOSE_FORBIDDEN,
  retryWait: async (retries) => {
    const delay = Math.min(500 * 2 ** retries, MAX_RETRY_DELAY_MS);
    // Jitter spreads the reconnections of all open pages.
    await new Promise((done) => setTimeout(done, delay * (0.5 + Math.random())));
  },
  // A connection can be lost without a close frame, as when a laptop sleeps. If a
  // pong is missing, the client terminates the connection and reconnects.
  keepAlive: PING_INTERVAL_MS,
  on: {
    ping: (received) => {
      if (!received) {
        pongTimeout = setTimeout(() => wsClient.terminate(), PONG_TIMEOUT_MS);
      }
    },
    pong: (received) => {
      if (received) clearTimeout(pongTimeout);
    },
    closed: () => clearTimeout(pongTimeout),
  },
});

const send = createGraphiQLFetcher({
  url: urlOf('/graphql').href,
  wsClient,
  // The server does not implement @defer and @stream.
  enableIncrementalDelivery: false,
});

export const fetcher: Fetcher = (params, options) => {
  headers = { ...authorization(options?.headers), ...options?.headers };
  return send(params, { ...options, headers });
};

/** The credential of the console, unless the headers editor has another one. */
function authorization(edited: Record<string, unknown> = {}): Record<string, string> {
  const credential = readCredential();
  const isEdited = Object.keys(edited).some((name) => name.toLowerCase() === 'authorization');
  return credential === null || isEdited ? {} : { authorization: `Bearer ${credential}` };
}
