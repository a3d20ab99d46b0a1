// Data with much variety, created through the API.

import { Random } from './random.mjs'

const ENTITY_TYPES = ['PRODUCT', 'MEASUREMENT', 'STOCK', 'PRICING', 'MANUFACTURER', 'CUSTOMER', 'ORDER', 'AUTOCARE']
const SOURCES = ['AS400', 'FILEMAKER', 'API', 'FILE', 'EXTERNAL']
const MESSAGES = ['row 3: part_number is null', 'timed out', 'ROW 17 "quoted" \\ 100%', 'Größe ungültig 💥', 'a\nb', '']
const EVENT_TYPES = ['start', 'chunk', 'error', 'end']
const RUNS = 40
const START = Date.UTC(2026, 10, 1)

/** Creates runs with events, and returns the ids of the runs. `userIds` are ids of users who exist. */
export async function createData(post, userIds) {
  const text = await post({ query: '{ syncRuns { totalCount } }' })
  const series = JSON.parse(text).data.syncRuns.totalCount
  const mutate = async (text, input) => {
    const response = JSON.parse(await post({ query: text, variables: { input } }))
    if (response.errors) throw new Error(`cannot create data: ${response.errors[0].message}`)
  }
  const ids = []
  for (let index = 0; index < RUNS; index++) {
    ids.push(await createRun(mutate, new Random(series, index), index, userIds))
  }
  return ids
}

async function createRun(mutate, random, index, userIds) {
  const id = random.uuid()
  const startedAt = at(index, random)
  await mutate('mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { replayed } }', {
    id,
    entityType: random.pick(ENTITY_TYPES),
    source: random.pick(SOURCES),
    status: random.pick(['PENDING', 'RUNNING']),
    startedAt: startedAt,
    recordsExpected: random.pick([null, null, 0, 3, 1000]),
    triggeredById: random.pick([null, ...userIds]),
    details: random.pick([null, {}, { batch: index }, { list: [1, null, 'x', 1.5], nested: { deep: { a: true } } }]),
  })
  await addEvents(mutate, random, id, startedAt)
  await report(mutate, random, id)
  if (random.chance(0.7)) await complete(mutate, random, id, startedAt)
  return id
}

/** Some runs start at the same time, which their ids order. */
function at(index, random) {
  const instant = new Date(START + Math.floor(index / 2) * 3_600_000).toISOString()
  return instant.replace('.000Z', random.pick(['.000000Z', '.000000Z', '.123456Z', '.500000Z']))
}

async function addEvents(mutate, random, runId, startedAt) {
  const events = Array.from({ length: random.below(6) }, (_, index) => ({
    id: random.uuid(),
    eventType: random.pick(EVENT_TYPES),
    message: random.pick(MESSAGES),
    timestamp: new Date(Date.parse(startedAt) + Math.floor(index / 2) * 1000).toISOString(),
    details: random.pick([null, { row: index }, { b: 1, a: [] }]),
  }))
  await mutate('mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }', {
    runId,
    events,
  })
}

async function report(mutate, random, runId) {
  const recordsProcessed = random.pick([0, 3, 3, 500, 1000, 2147483647])
  const counts = { recordsProcessed, recordsCreated: random.below(4), recordsFailed: random.below(3) }
  const text = 'mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }'
  await mutate(text, { runId, counts })
}

async function complete(mutate, random, runId, startedAt) {
  const status = random.pick(['COMPLETED', 'COMPLETED', 'FAILED', 'CANCELLED'])
  const seconds = random.pick([0, 1.5, 60, 60, 3600.25, 0.000001])
  const fraction = startedAt.slice(20, 26)
  const micros = Number(fraction) + Math.round((seconds % 1) * 1e6)
  const end = new Date(
    Date.parse(startedAt.slice(0, 19) + 'Z') + Math.floor(seconds) * 1000 + (micros >= 1e6 ? 1000 : 0),
  )
  await mutate('mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { replayed } }', {
    runId,
    status,
    completedAt: end.toISOString().replace('.000Z', `.${String(micros % 1e6).padStart(6, '0')}Z`),
    errorMessage: status === 'COMPLETED' ? null : random.pick(MESSAGES),
    details: random.pick([null, { done: true }]),
  })
}
