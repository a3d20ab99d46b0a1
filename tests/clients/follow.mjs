// A live view that heals by itself, as an application has it: through graphql-ws or graphql-sse, with
// what these clients bring for losing a connection. It goes through any of the servers it is given,
// and prints each change that it gets as a line: the run's id and the status.
//
//   node follow.mjs ws|sse CURSOR URL...

import { createClient as createEventStreamClient } from 'graphql-sse'
import { createClient as createSocketClient } from 'graphql-ws'
import WebSocket from 'ws'

const [transport, cursor, ...urls] = process.argv.slice(2)

/** The servers in turn: the next one for each connection. */
let connections = 0
const nextUrl = () => new URL('/graphql', urls[connections++ % urls.length]).href

// Also while nothing listens: graphql-ws by itself comes back to a server that was there, not to one that
// is not there yet.
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

// The client sends its variables anew with each connection, so that the place in them is that of the
// last change it got.
const variables = { after: cursor }
const query = `
  subscription Changes($after: String) {
    syncRunChanged(after: $after) { cursor status run { id } }
  }`

const end = why => {
  console.error(`the live view has ended: ${why?.reason ?? why?.message ?? JSON.stringify(why)}`)
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
