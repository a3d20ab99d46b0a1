// The connection to the server: its address, credentials, and a WebSocket that resumes subscriptions.

import { type Client, createClient } from 'graphql-ws'

/** The examples are served from the server's own origin; other origins need `--allow-origin`. */
export const endpoint = new URL('/graphql', location.origin).href

/** Keeps an API key or access token for this browser tab. */
export function signIn(token: string) {
  sessionStorage.setItem('token', token)
  location.reload()
}

/** The headers of HTTP requests. Browsers cannot set headers of a WebSocket, whose first message contains them. */
export function credentials(): Record<string, string> {
  const token = sessionStorage.getItem('token')
  return token ? { authorization: `Bearer ${token}` } : {}
}

let live = false
const listeners = new Set<() => void>()

/** Whether the WebSocket is connected: a view is not up to date otherwise. For React's `useSyncExternalStore`. */
export const connection = {
  isLive: () => live,
  subscribe(listener: () => void) {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  },
}

function setLive(value: boolean) {
  live = value
  listeners.forEach(listener => listener())
}

const client = createClient({
  url: endpoint.replace(/^http/, 'ws'),
  // A function, called for each connection: a renewed token is used when the next one is opened.
  connectionParams: credentials,
  // Also reconnects if the server is unreachable, and waits longer from attempt to attempt, up to 10 seconds.
  shouldRetry: () => true,
  retryAttempts: Infinity,
  retryWait: retries => new Promise(done => setTimeout(done, Math.random() * Math.min(500 * 2 ** retries, 10_000))),
  // Detects connections that are dead without having been closed.
  keepAlive: 10_000,
  on: { connected: () => setLive(true), closed: () => setLive(false) },
})

/**
 * A client of graphql-ws whose subscriptions resume after the last change that they received. They have the variable
 * `$after` and select `cursor`.
 */
export const sockets: Client = {
  ...client,
  subscribe(payload, sink) {
    // graphql-ws sends this object again when it reconnects.
    const variables = { ...payload.variables }
    return client.subscribe<any, any>(
      { ...payload, variables },
      {
        next(result) {
          for (const field of Object.values<any>(result.data ?? {})) variables.after = field?.cursor ?? variables.after
          sink.next(result)
        },
        error: reason => sink.error(reason),
        complete: () => sink.complete(),
      },
    )
  },
}
