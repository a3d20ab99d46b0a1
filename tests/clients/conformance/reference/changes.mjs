// The known changes of a snapshot: those of the runs and events that were just created.

import { plain } from '../json.mjs'

const CHANGES = `subscription($after: String) {
  syncRunChanged(after: $after, kinds: [CREATED, STATUS, PROGRESS]) {
    cursor kind changedAt previousStatus status run { id } } }`
const EVENTS = 'subscription($runId: ID!) { syncEventAdded(runId: $runId) { cursor event { id } } }'

/**
 * Adds to a snapshot the changes of the runs with these ids, and their events as they were added. `beginning` is the
 * feed's cursor before the runs were created.
 */
export async function readChanges(snapshot, server, beginning, runIds) {
  const runs = runIds.map(id => snapshot.runs.get(id))
  // Each change of a run increments its version.
  const count = runs.reduce((sum, run) => sum + run.version, 0)
  const changes = await take(server, CHANGES, { after: beginning }, count)
  snapshot.beginning = beginning
  snapshot.changes = withStates(
    changes.map(({ syncRunChanged }) => syncRunChanged),
    snapshot.runs,
  )
  snapshot.addedEvents = []
  for (const runId of runIds) {
    const events = [...snapshot.events.values()].filter(event => event.runId === runId)
    const added = await take(server, EVENTS, { runId }, events.length)
    const items = added.map(({ syncEventAdded: { cursor, event } }) => ({ cursor, eventId: event.id, runId }))
    snapshot.addedEvents.push(...items)
  }
}

/** Takes a number of items from a subscription. */
async function take(server, query, variables, count) {
  const channel = await server.open({ transport: 'sse', query, variables })
  const items = []
  while (items.length < count) {
    const { response } = await channel.next()
    if (!response?.get('data')) throw new Error(`a subscription ends after ${items.length} of ${count} items`)
    items.push(plain(response.get('data')))
  }
  channel.close()
  return items
}

/** Adds the state of the run before and after each change, with the values that a filter can test. */
function withStates(changes, runs) {
  const states = new Map()
  return changes.map(({ run: { id: runId }, ...change }) => {
    const before = states.get(runId) ?? null
    const afterwards = stateAfter(change, before, runs.get(runId))
    states.set(runId, afterwards)
    return { ...change, runId, before, afterwards }
  })
}

/** Each run is created, then reports its progress once, then ends. */
function stateAfter({ kind, status, changedAt }, before, run) {
  const { recordsProcessed, recordsCreated, recordsUpdated, recordsFailed } = run
  const { completedAt, durationSeconds, errorMessage } = run
  const updatedAt = changedAt
  const isOpen = status === 'PENDING' || status === 'RUNNING'
  if (kind === 'CREATED') {
    const nothing = {
      completedAt: null,
      durationSeconds: null,
      errorMessage: null,
      recordsProcessed: 0,
      recordsCreated: 0,
      recordsUpdated: 0,
      recordsFailed: 0,
    }
    return { ...run, updatedAt, status, ...nothing }
  }
  const counts = { recordsProcessed, recordsCreated, recordsUpdated, recordsFailed }
  if (kind === 'PROGRESS') return { ...before, updatedAt, ...counts }
  return { ...before, updatedAt, status, ...(!isOpen && { completedAt, durationSeconds, errorMessage }) }
}
