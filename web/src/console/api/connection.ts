import { type Client, createClient } from 'graphql-ws';
import { webSocketUrlOf } from '../../shared/server';
import { authorization } from '../lib/credential';
import { createStore } from '../lib/store';

const PING_INTERVAL_MS = 5_000;
const PONG_TIMEOUT_MS = 4_000;
const MAX_RETRY_DELAY_MS = 8_000;
/** Close codes after which the same credential is rejected again. */
const REJECTED = [4401, 4403];

/** `rejected` before anything was read, and `ended` after that: a token has expired, or a key was revoked. */
export type ConnectionStatus = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'rejected' | 'ended';

export interface Connection {
  status: ConnectionStatus;
  /** When the status began. */
  since: number;
  /** When the last message arrived: the screen shows the state of this moment. */
  asOf: number | null;
}

/** The state of the connection over which changes arrive. */
export const connection = createStore<Connection>({ status: 'connecting', since: Date.now(), asOf: null });

/** Counts connections: a screen that cannot resume reads again when it changes. */
export const connectionCount = createStore(0);

let pongTimeout: ReturnType<typeof setTimeout> | undefined;
let endWait: (() => void) | undefined;
let lastReceived = 0;

function enter(status: ConnectionStatus) {
  const { status: previous, asOf } = connection.get();
  if (status === previous) return;
  connection.set({ status, since: Date.now(), asOf });
}

/** The connection is lost: what is shown is that of the last message. */
function lose() {
  enter(navigator.onLine ? 'reconnecting' : 'offline');
}

function receive() {
  lastReceived = Date.now();
  const current = connection.get();
  // Once a second is enough for a clock.
  if (current.status === 'live' && lastReceived - (current.asOf ?? 0) >= 1_000) {
    connection.set({ ...current, asOf: lastReceived });
  }
}

/** Full jitter: the reconnections of all open pages are spread over the whole delay. */
async function waitBeforeRetry(retries: number) {
  const delay = Math.random() * Math.min(500 * 2 ** retries, MAX_RETRY_DELAY_MS);
  await new Promise<void>((done) => {
    endWait = done;
    setTimeout(done, delay);
  });
}

/** Connects at once instead of after the delay. */
export function reconnectNow() {
  endWait?.();
}

function create(): Client {
  const client = createClient({
    url: webSocketUrlOf('/graphql').href,
    // Connected on every screen, so that the state of the connection is known.
    lazy: false,
    connectionParams: authorization,
    retryAttempts: Infinity,
    shouldRetry: (problem) => !REJECTED.includes((problem as { code?: number }).code ?? 0),
    retryWait: waitBeforeRetry,
    keepAlive: PING_INTERVAL_MS,
    onNonLazyError: () => {},
    on: {
      connected: () => {
        lastReceived = Date.now();
        connection.set({ status: 'live', since: lastReceived, asOf: lastReceived });
        connectionCount.set(connectionCount.get() + 1);
      },
      message: receive,
      // A connection can be lost without a close frame, as when a laptop sleeps.
      ping: (received) => {
        if (!received) pongTimeout = setTimeout(() => client.terminate(), PONG_TIMEOUT_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(pongTimeout);
      },
      closed: (event) => {
        clearTimeout(pongTimeout);
        if (client !== socket) return;
        if (REJECTED.includes((event as { code?: number }).code ?? 0)) enter(connection.get().asOf === null ? 'rejected' : 'ended');
        else lose();
      },
    },
  });
  return client;
}

let socket: Client;
socket = create();

/** Returns the client of the current credential. */
export const currentSocket = () => socket;

/** Connects with another credential. Subscriptions of the former one end. */
export function restartConnection() {
  const previous = socket;
  connection.set({ status: 'connecting', since: Date.now(), asOf: null });
  socket = create();
  void previous.dispose();
}

addEventListener('offline', () => {
  enter('offline');
  socket.terminate();
});
addEventListener('online', () => {
  if (connection.get().status === 'offline') enter('reconnecting');
  reconnectNow();
});
// Timers of hidden pages are slowed down, and stop while the machine sleeps.
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState !== 'visible') return;
  if (connection.get().status !== 'live') reconnectNow();
  else if (Date.now() - lastReceived > 4 * PING_INTERVAL_MS) socket.terminate();
});
