// Follows changes through graphql-ws or graphql-sse, and recovers from lost connections by what these
// clients offer. Tries the given servers in turn, and prints a line per change: run id and status.
//
//   node follow.mjs ws|sse CURSOR URL...

import { createClient as createEventStreamClient } from 'graphql-sse'
import { createClient as createSocketClient } from 'graphql-ws'
import WebSocket from 'ws'

const [transport, cursor, ...urls] = process.argv.slice(2)

/** The server for the next connection. */
let connections = 0
const nextUrl = () => new URL('/graphql', urls[connections++ % urls.length]).href

// By default graphql-ws does not retry when the first connection attempt fails.
const retrying = {
  retryAttempts: 100,
  retryWait: () => new Promise(resolve => setTimeout(resolve, 100)),
  shouldRetry: () => true,
}
const client =
  transport === 'ws'
    ? createSocketClient({
        url: () => nextUrl().replace(/^http/, 'ws'),
        webSocketImpl: WebSocket,
        ...retrying,
      })
    : createEventStreamClient({ url: nextUrl, ...retrying })

// The client sends the variables again with each connection, so `after` is the cursor of the last change.
const variables = { after: cursor }
const query = `
  subscription Changes($after: String) {
    syncRunChanged(after: $after) { cursor status run { id } }
  }`

const end = why => {
  console.error(`the subscription has ended: ${why?.reason ?? why?.message ?? JSON.stringify(why)}`)
  process.exit(1)
}
client.subscribe(
  { query, variables },
  {
    next: ({ data, errors }) => {
      if (errors) end(errors)
      const change = data.syncRunChanged
      variables.after = change.cursor
      console.log(`${change.run.id} ${change.status}`)
    },
    error: end,
    complete: () => end('complete'),
  },
)
