// What the scripts share: the server's address, checks and their report, waiting with deadlines,
// and making changes to watch.

import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'

const base = process.argv[2]
if (!/^https?:\/\//.test(base ?? '')) {
  console.error(`usage: node ${basename(process.argv[1])} http://HOST:PORT`)
  process.exit(1)
}

/** The endpoint for requests, and the same for sockets. */
export const endpoint = new URL('/graphql', base).href
export const socketEndpoint = endpoint.replace(/^http/, 'ws')

/** How long anything that is waited for may take, and a script as a whole; in milliseconds. */
const PATIENCE = 15_000
const WHOLE_PATIENCE = 50_000

/** Runs named checks side by side, tells how they went, and ends the process. */
export async function report(title, checks) {
  const watchdog = setTimeout(() => {
    console.error(`${title}: not done after ${WHOLE_PATIENCE / 1000} s`)
    process.exit(1)
  }, WHOLE_PATIENCE)
  const names = Object.keys(checks)
  const outcomes = await Promise.allSettled(names.map(async name => checks[name]()))
  clearTimeout(watchdog)
  const failures = outcomes.flatMap(({ status, reason }, index) =>
    status === 'rejected' ? [`- ${names[index]}: ${describe(reason)}`] : [],
  )
  const summary = `${title}: ${names.length - failures.length} of ${names.length} checks passed`
  if (failures.length === 0) console.log(summary)
  else console.error([summary, ...failures].join('\n'))
  // Sockets and connections kept alive would keep the process, too.
  process.exit(failures.length === 0 ? 0 : 1)
}

function describe(reason) {
  // Clients also reject with the event of a socket's end, or with the errors of an answer.
  if (typeof reason?.code === 'number') return `the socket was closed with ${reason.code} ${reason.reason ?? ''}`
  if (!reason?.message) return JSON.stringify(reason)
  const [place] = /\b(audits|subscribe|protocol|stream)\.mjs:\d+/.exec(reason.stack) ?? []
  const cause = reason.cause ? ` (${reason.cause.message ?? reason.cause})` : ''
  return `${reason.message}${cause}${place ? `\n  at ${place}` : ''}`
}

/** What `promise` resolves to, or a failure that says what was waited for; `seen` tells what came instead. */
export async function within(promise, what, { patience = PATIENCE, seen } = {}) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const instead = seen ? `; got ${JSON.stringify(seen())}` : ''
      reject(new Error(`waited ${patience / 1000} s for ${what}${instead}`))
    }, patience)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Items as they arrive, of which one can await any. */
export class Inbox {
  items = []
  #waiting = new Set()
  #end

  push(item) {
    this.items.push(item)
    this.#settle()
  }

  /** Nothing more will come; whoever still waits, waits in vain. */
  end(reason) {
    this.#end ??= reason
    this.#settle()
  }

  /** The first item that is `wanted`, be it here already or still to come. */
  find(wanted, what, options) {
    const found = new Promise((resolve, reject) => this.#waiting.add({ wanted, resolve, reject }))
    this.#settle()
    return within(found, what, { seen: () => this.items, ...options })
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

/** The data that the server answers a request with. */
export async function request(query, variables) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(PATIENCE),
  })
  const body = await response.text()
  const { data, errors } = response.status === 200 ? JSON.parse(body) : {}
  if (!data || errors) throw new Error(`HTTP ${response.status}: ${body}`)
  return data
}

/** Creates a run, under an id of its own unless one is given; tells the id. */
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
 * Makes a change that every subscription here wants: a running run that makes progress. Changes
 * come in order, so all that was changed before has come once this one has. Tells the run's id.
 */
export async function makeMark(input) {
  const id = await createRun({ status: 'RUNNING', ...input })
  await reportProgress(id, 1)
  return id
}

/**
 * Waits until `inbox` gets changes. The protocol has no answer to `subscribe`, so marks are made
 * until one arrives. `runOf` tells the id of the run that an item is about.
 */
export async function untilLive(inbox, runOf, input) {
  const marks = new Set()
  const arrived = inbox.find(item => marks.has(runOf(item)), 'the first change')
  let live = false
  const settled = arrived.finally(() => (live = true))
  // Heard below, unless a mark fails first.
  settled.catch(() => {})
  while (!live) {
    marks.add(await makeMark(input))
    const pause = new Promise(resolve => setTimeout(resolve, 100))
    await Promise.race([settled, pause])
  }
  await settled
}
