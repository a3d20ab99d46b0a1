// Compares what mutations left in the database with the model, and replaces what the server chose.

import { valueDifference } from '../difference.mjs'
import { WrittenNumber } from '../json.mjs'
import { readRun, readNewRuns } from './snapshot.mjs'

/**
 * Reads the runs with these ids again, with their events. Returns a difference from the model, which then has what the
 * server has. `post` sends a request.
 */
export async function refreshRuns(snapshot, touched, post) {
  let difference
  for (const id of touched) {
    const stored = await readRun(post, id)
    difference ??= stateDifference(snapshot, id, stored)
    store(snapshot, id, stored)
  }
  const isChosen = key => typeof key === 'symbol'
  const chosen = [...snapshot.runs.keys()].filter(isChosen)
  if (chosen.length > 0) {
    chosen.forEach(key => snapshot.runs.delete(key))
    for (const id of await readNewRuns(post, snapshot.runs)) store(snapshot, id, await readRun(post, id))
  }
  for (const key of [...snapshot.events.keys()].filter(isChosen)) snapshot.events.delete(key)
  return difference
}

function stateDifference(snapshot, id, stored) {
  const run = snapshot.runs.get(id)
  if (!run || !stored) {
    const kind = stored ? 'a run was created' : 'a run was not created'
    return Boolean(run) === Boolean(stored) ? undefined : { kind: `state: ${kind}`, detail: id }
  }
  const events = [...snapshot.events.values()].filter(event => event.runId === id)
  if (events.length !== stored.events.length) {
    return { kind: 'state: number of events', detail: `${stored.events.length} instead of ${events.length}` }
  }
  const written = value => (typeof value === 'number' ? new WrittenNumber(String(value)) : value)
  const found = Object.entries(stored.run).map(([name, value]) => valueDifference(run[name], written(value), [name]))
  const difference = found.find(Boolean)
  return difference && { ...difference, kind: `state: ${difference.kind}` }
}

function store(snapshot, id, stored) {
  const { creation } = snapshot.runs.get(id) ?? {}
  snapshot.runs.delete(id)
  // The others keep their place: events of the same time are listed in this order.
  const ids = new Set(stored?.events.map(event => event.id))
  for (const [key, event] of snapshot.events) {
    if (event.runId === id && !ids.has(key)) snapshot.events.delete(key)
  }
  if (!stored) return
  snapshot.runs.set(id, { ...stored.run, creation })
  for (const event of stored.events) snapshot.events.set(event.id, event)
}
