import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-ws';

const url = new URL('/graphql', window.location.href);
const wsUrl = new URL(url);
wsUrl.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';

const PING_EVERY_MS = 15_000;
const PONG_WITHIN_MS = 10_000;
const LONGEST_RETRY_WAIT_MS = 10_000;

// A refused connection_init: asking again with the same headers is pointless.
const FORBIDDEN = 4403;

// What the headers editor held when the latest operation was started. A
// WebSocket handshake cannot carry headers, so they go into connection_init.
let headers: Record<string, unknown> = {};
let pongTimeout: ReturnType<typeof setTimeout> | undefined;

const wsClient = createClient({
  url: wsUrl.href,
  // Connect for the first subscription, disconnect after the last one.
  lazy: true,
  connectionParams: () => headers,
  // A live view heals: it subscribes again when the server is back, however
  // long that takes. A server that cannot be reached is an Event and not a
  // CloseEvent, which the default `shouldRetry` would give up on.
  retryAttempts: Infinity,
  shouldRetry: (problem) => (problem as { code?: number }).code !== FORBIDDEN,
  retryWait: async (retries) => {
    const wait = Math.min(500 * 2 ** retries, LONGEST_RETRY_WAIT_MS);
    // Spread, so that not all open pages come back in the same instant.
    await new Promise((done) => setTimeout(done, wait * (0.5 + Math.random())));
  },
  // A connection can die without a word, as when a laptop sleeps. Then no pong
  // comes back, and the connection is given up for a new one.
  keepAlive: PING_EVERY_MS,
  on: {
    ping: (received) => {
      if (!received) {
        pongTimeout = setTimeout(() => wsClient.terminate(), PONG_WITHIN_MS);
      }
    },
    pong: (received) => {
      if (received) clearTimeout(pongTimeout);
    },
    closed: () => clearTimeout(pongTimeout),
  },
});

const send = createGraphiQLFetcher({
  url: url.href,
  wsClient,
  // The server answers in one piece, so do not offer it to answer in several.
  enableIncrementalDelivery: false,
});

export const fetcher: Fetcher = (params, options) => {
  headers = options?.headers ?? {};
  return send(params, options);
};
