// Compares the server with graphql-js: random requests are executed by both.
//
//   node tests/clients/conformance/compare.mjs --url http://HOST:PORT/graphql --seed 1 --count 20000

import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Comparison } from './comparison.mjs'
import { createData } from './data.mjs'
import { readChanges } from './reference/changes.mjs'
import { ReferenceExecutor } from './reference/executor.mjs'
import { readFeedCursor, readSnapshot } from './reference/snapshot.mjs'
import { Server } from './server.mjs'
import { Summary } from './summary.mjs'

/** How many of the documents may exceed a limit of the server, from 0 to 1. */
const MAX_TOO_COMPLEX = 0.04

const USAGE = `usage: node compare.mjs --url http://HOST:PORT/graphql [OPTIONS]

The server must have an empty database and accept anonymous requests. Creates data, then sends requests.

  --seed NUMBER          which requests (1)
  --count NUMBER         how many (2000)
  --only NUMBER          sends only the request with this number, and prints both responses
  --user UUID            the id of a user who exists and triggers runs; repeatable
  --examples NUMBER      how many examples of each kind of difference are printed (2)
  --connections NUMBER   how many requests are sent at a time (8)`

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '2000' },
    only: { type: 'string' },
    user: { type: 'string', multiple: true, default: [] },
    examples: { type: 'string', default: '2' },
    connections: { type: 'string', default: '8' },
  },
})
if (!options.url) {
  console.error(USAGE)
  process.exit(1)
}

const sdl = await readFile(new URL('../../../schema.graphql', import.meta.url), 'utf8')
const connections = Number(options.connections)
const server = new Server(options.url, connections)

const beginning = await readFeedCursor(server.post)
const runIds = await createData(server.post, options.user)
const snapshot = await readSnapshot(server.post)
await readChanges(snapshot, server, beginning, runIds)

const executor = new ReferenceExecutor(sdl)
const comparison = new Comparison({ executor, snapshot, server, seed: Number(options.seed) })
if (options.only) {
  console.log(await comparison.explain(Number(options.only)))
} else {
  const summary = new Summary()
  await comparison.run(Number(options.count), connections, summary)
  summary.finish()
  console.log(await summary.report(Number(options.examples), (example, kind) => comparison.reduce(example, kind)))
  process.exitCode = summary.isClean && summary.shareOfTooComplex <= MAX_TOO_COMPLEX ? 0 : 1
}
server.close()
