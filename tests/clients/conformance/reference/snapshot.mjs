// A snapshot of the server's data, read with simple documents.

import { parseWritten } from '../json.mjs'
import { ORDER_FIELDS, sortEvents, sortRuns } from './lists.mjs'

/** The snapshot is held in memory, and each list is read for each document. */
const MAX_ITEMS = 5_000

const RUN = `id entityType source status startedAt completedAt updatedAt durationSeconds recordsProcessed recordsCreated
  recordsUpdated recordsFailed recordsExpected progress errorMessage details triggeredById version createdBy endedBy
  lastHeartbeatAt lostAt recoveredAt`
const EVENT = 'id eventType timestamp message details'
const USER = 'id email fullName'

/** Reads all data. `post` sends a request and returns the text of the response. */
export async function readSnapshot(post) {
  const query = (text, variables) => read(post, text, variables)
  const { runs, events } = await readData(post)
  const [users, userCursors] = [new Map(), new Map()]
  for await (const { cursor, node } of edges(query, 'users()', USER)) {
    users.set(node.id, node)
    userCursors.set(node.id, cursor)
  }
  const { viewer } = await query(`{ viewer { name kind scopes user { ${USER} } } }`)
  return { runs, events, users, userCursors, viewer, runCursors: await readCursors(query, runs) }
}

/** Reads all runs and events. */
export async function readData(post) {
  const query = (text, variables) => read(post, text, variables)
  return { runs: await readRuns(query), events: await readEvents(query) }
}

/** Reads the current position of the change feed. */
export async function readFeedCursor(post) {
  const { syncRuns } = await read(post, '{ syncRuns(first: 1) { feedCursor } }')
  return syncRuns.feedCursor
}

/** Reads a run with its events; null if there is none. */
export async function readRun(post, id) {
  const text = `query($id: ID!) { syncRun(id: $id) { ${RUN}
    events(first: 100) { edges { cursor node { ${EVENT} } } } } }`
  const { syncRun } = await read(post, text, { id })
  if (!syncRun) return null
  const { events, ...run } = syncRun
  return { run, events: events.edges.map(({ cursor, node }) => ({ ...node, runId: id, cursor })) }
}

/** Returns the ids of all runs that are not among the known ones. */
export async function readNewRuns(post, known) {
  const ids = []
  const query = (text, variables) => read(post, text, variables)
  for await (const { node } of edges(query, 'syncRuns()', 'id')) if (!known.has(node.id)) ids.push(node.id)
  return ids
}

/** Copies what mutations change. */
export function copySnapshot(snapshot) {
  const copy = items => new Map([...items].map(([key, item]) => [key, { ...item }]))
  return { ...snapshot, runs: copy(snapshot.runs), events: copy(snapshot.events) }
}

async function read(post, text, variables) {
  const response = parseWritten(await post({ query: text, variables }))
  if (!response.get('data') || response.has('errors')) throw new Error(`cannot read the data: ${text}`)
  return objects(response.get('data'))
}

/** Converts maps to objects, but for the content of `details`. Integers become numbers; floats stay as written. */
function objects(value, key) {
  if (Array.isArray(value)) return value.map(item => objects(item))
  if (!(value instanceof Map)) return /^-?\d+$/.test(value?.text) ? Number(value.text) : value
  if (key === 'details') return value
  return Object.fromEntries([...value].map(([name, inner]) => [name, objects(inner, name)]))
}

/** Yields the edges of a list. */
async function* edges(query, field, node) {
  let after = null
  for (let count = 0; ;) {
    const text = `query($after: String) {
      list: ${field.replace('()', '(first: 100, after: $after)')} {
        edges { cursor node { ${node} } } pageInfo { hasNextPage endCursor } } }`
    const { list } = await query(text, { after })
    yield* list.edges
    count += list.edges.length
    if (count > MAX_ITEMS) throw new Error(`${field} has more than ${MAX_ITEMS} items; start with an empty database`)
    if (!list.pageInfo.hasNextPage) return
    after = list.pageInfo.endCursor
  }
}

async function readRuns(query) {
  const runs = new Map()
  for await (const { node } of edges(query, 'syncRuns()', `${RUN} triggeredBy { ${USER} }`)) runs.set(node.id, node)
  return runs
}

async function readEvents(query) {
  const newestFirst = []
  for await (const { cursor, node } of edges(query, 'syncEvents()', `${EVENT} run { id }`)) {
    const { run, ...event } = node
    newestFirst.push({ ...event, runId: run.id, cursor })
  }
  const events = new Map(newestFirst.toReversed().map(event => [event.id, event]))
  expectOrder('events', newestFirst.map(event => event.id), sortEvents(events.values(), 'DESC'))
  return events
}

/** Reads the cursors of the runs in each order, by the field that orders. */
async function readCursors(query, runs) {
  const cursors = {}
  for (const field of ORDER_FIELDS) {
    for (const direction of ['ASC', 'DESC']) {
      cursors[field] = new Map()
      const list = `syncRuns(orderBy: {field: ${field}, direction: ${direction}}, first: 100, after: $after)`
      for await (const { cursor, node } of edges(query, list, 'id')) cursors[field].set(node.id, cursor)
      expectOrder(`${field} ${direction}`, [...cursors[field].keys()], sortRuns(runs.values(), field, direction))
    }
  }
  return cursors
}

function expectOrder(list, ids, sorted) {
  if (ids.join() !== sorted.map(item => item.id).join()) throw new Error(`the server orders ${list} differently`)
}
