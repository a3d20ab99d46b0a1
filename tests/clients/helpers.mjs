// Shared by the scripts: the server's address, running checks, waiting with timeouts, and operations.

import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'

const base = process.argv[2]
if (!/^https?:\/\//.test(base ?? '')) {
  console.error(`usage: node ${basename(process.argv[1])} http://HOST:PORT`)
  process.exit(1)
}

/** The endpoints for requests and for WebSockets. */
export const endpoint = new URL('graphql', base.replace(/\/?$/, '/')).href
export const socketEndpoint = endpoint.replace(/^http/, 'ws')

/** Timeouts of each wait and of the whole script, in milliseconds. */
const TIMEOUT = 15_000
const SCRIPT_TIMEOUT = 50_000

/** Runs named checks concurrently, prints a summary, and exits. */
export async function report(title, checks) {
  const watchdog = setTimeout(() => {
    console.error(`${title}: timed out after ${SCRIPT_TIMEOUT / 1000} s`)
    process.exit(1)
  }, SCRIPT_TIMEOUT)
  const names = Object.keys(checks)
  const outcomes = await Promise.allSettled(names.map(async name => checks[name]()))
  clearTimeout(watchdog)
  const failures = outcomes.flatMap(({ status, reason }, index) =>
    status === 'rejected' ? [`- ${names[index]}: ${describe(reason)}`] : [],
  )
  const summary = `${title}: ${names.length - failures.length} of ${names.length} checks passed`
  if (failures.length === 0) console.log(summary)
  else console.error([summary, ...failures].join('\n'))
  // Open sockets and kept-alive connections would keep the process running.
  process.exit(failures.length === 0 ? 0 : 1)
}

function describe(reason) {
  // Clients also reject with a close event or with GraphQL errors.
  if (typeof reason?.code === 'number') return `the socket was closed with ${reason.code} ${reason.reason ?? ''}`
  if (!reason?.message) return JSON.stringify(reason)
  const [, location] = /\/tests\/clients\/([\w-]+\.mjs:\d+)/.exec(reason.stack) ?? []
  const cause = reason.cause ? ` (${reason.cause.message ?? reason.cause})` : ''
  return `${reason.message}${cause}${location ? `\n  at ${location}` : ''}`
}

/** Resolves as `promise` does, or fails after a timeout. The error names `what`, and what was `received` instead. */
export async function within(promise, what, { timeout = TIMEOUT, received } = {}) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const instead = received ? `; received ${JSON.stringify(received())}` : ''
      reject(new Error(`timed out after ${timeout / 1000} s waiting for ${what}${instead}`))
    }, timeout)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Received items, each of which can be awaited. */
export class Inbox {
  items = []
  #waiting = new Set()
  #end

  push(item) {
    this.items.push(item)
    this.#settle()
  }

  /** No more items will arrive: pending waits fail. */
  end(reason) {
    this.#end ??= reason
    this.#settle()
  }

  /** Resolves to the first item for which `wanted` is true, received already or later. */
  find(wanted, what, options) {
    const found = new Promise((resolve, reject) => this.#waiting.add({ wanted, resolve, reject }))
    this.#settle()
    return within(found, what, { received: () => this.items, ...options })
  }

  #settle() {
    for (const waiter of this.#waiting) {
      const item = this.items.find(waiter.wanted)
      if (item !== undefined) waiter.resolve(item)
      else if (this.#end) waiter.reject(new Error(this.#end))
      else continue
      this.#waiting.delete(waiter)
    }
  }
}

/** Executes an operation and returns its data. */
export async function request(query, variables) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(TIMEOUT),
  })
  const body = await response.text()
  const { data, errors } = response.status === 200 ? JSON.parse(body) : {}
  if (!data || errors) throw new Error(`HTTP ${response.status}: ${body}`)
  return data
}

/** Creates a run and returns its id. */
export async function createRun(input) {
  const id = randomUUID()
  await request(
    'mutation Create($input: CreateSyncRunInput!) { createSyncRun(input: $input) { run { id } } }',
    { input: { id, entityType: 'PRODUCT', source: 'API', ...input } },
  )
  return input?.id ?? id
}

export async function startRun(runId) {
  await request('mutation Start($runId: ID!) { startSyncRun(runId: $runId) { run { id } } }', { runId })
}

export async function reportProgress(runId, recordsProcessed) {
  await request(
    'mutation Progress($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }',
    { input: { runId, counts: { recordsProcessed } } },
  )
}

export async function completeRun(runId) {
  await request(
    'mutation Complete($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { run { id } } }',
    { input: { runId } },
  )
}

/**
 * Makes a change that every subscription here delivers: progress of a running run. Once it arrives, all
 * earlier changes have arrived as well. Returns the run's id.
 */
export async function makeMark(input) {
  const id = await createRun({ status: 'RUNNING', ...input })
  await reportProgress(id, 1)
  return id
}

/**
 * Waits until `inbox` receives changes. The protocol does not acknowledge `subscribe`, so this makes marks
 * until one arrives. `runOf` returns the run id of an item.
 */
export async function untilLive(inbox, runOf, input) {
  const marks = new Set()
  const arrived = inbox.find(item => marks.has(runOf(item)), 'the first change')
  let live = false
  const settled = arrived.finally(() => (live = true))
  // Awaited below, unless a mark fails first.
  settled.catch(() => {})
  while (!live) {
    marks.add(await makeMark(input))
    const pause = new Promise(resolve => setTimeout(resolve, 100))
    await Promise.race([settled, pause])
  }
  await settled
}
