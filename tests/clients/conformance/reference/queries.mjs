// The root fields of queries, over a snapshot.

import { freshness } from './freshness.mjs'
import {
  eventFilter,
  InputError,
  page,
  parseId,
  runFilter,
  sortEvents,
  sortRuns,
  sortUsers,
  userFilter,
} from './lists.mjs'
import { ServerChosen } from './scalars.mjs'
import { failureGroups } from './failures.mjs'
import { statistics } from './statistics.mjs'

const ANY_CURSOR = new ServerChosen(/^[\w-]+$/)
const MAX_IDS = 100

/** Returns the values of the root fields. Fields with arguments or related objects are functions. */
export function queryRoot(snapshot) {
  const objects = new Objects(snapshot)
  return {
    node: ({ id }) => objects.find(parseId(id)),
    nodes: ({ ids }) => objects.findAll(ids),
    syncRun: ({ id }) => objects.run(parseId(id)),
    syncRuns: args => objects.runs(args),
    syncEvents: args => objects.events(args),
    users: args => objects.users(args),
    syncRunStats: (args, _, { schema }) => objects.statistics(args, schema),
    syncFreshness: (args, _, { schema }) => objects.freshness(args, schema),
    syncFailureGroups: args => objects.failureGroups(args),
    viewer: snapshot.viewer,
  }
}

/** Objects of a snapshot, whose fields with arguments or related objects are functions. */
export class Objects {
  constructor(snapshot) {
    this.snapshot = snapshot
  }

  run(id) {
    const run = this.snapshot.runs.get(id)
    return run ? this.runObject(run) : null
  }

  event(id) {
    const event = this.snapshot.events.get(id)
    return event ? this.eventObject(event) : null
  }

  runObject(run) {
    const related = { triggeredBy: () => this.user(run.triggeredById), events: args => this.events(args, run) }
    return { __typename: 'SyncRun', ...run, ...related }
  }

  eventObject(event) {
    return { __typename: 'SyncEvent', ...event, run: () => this.run(event.runId) }
  }

  user(id) {
    const user = this.snapshot.users.get(id)
    return user ? { __typename: 'User', ...user } : null
  }

  find(id) {
    return this.run(id) ?? this.event(id) ?? this.user(id)
  }

  findAll(ids) {
    if (ids.length > MAX_IDS) throw new InputError('too many ids')
    return ids.map(parseId).map(id => this.find(id))
  }

  runs({ filter, orderBy, ...args }) {
    const { field = 'STARTED_AT', direction = 'DESC' } = orderBy ?? {}
    const cursors = this.snapshot.runCursors[field]
    return connection({
      ...args,
      items: sortRuns(this.snapshot.runs.values(), field, direction),
      includes: runFilter(filter),
      cursorOf: run => cursors.get(run.id),
      node: run => this.runObject(run),
    })
  }

  /** The events of a run, oldest first, or of all runs in a direction. */
  events({ filter, direction = 'ASC', ...args }, run) {
    const includes = eventFilter(filter)
    return connection({
      ...args,
      items: sortEvents(this.snapshot.events.values(), direction),
      includes: event => (!run || event.runId === run.id) && includes(event),
      cursorOf: event => event.cursor,
      node: event => this.eventObject(event),
    })
  }

  statistics({ filter, ...args }, schema) {
    const types = {
      STATUS: valuesOf(schema, 'SyncStatus'),
      SOURCE: valuesOf(schema, 'SyncSource'),
      ENTITY_TYPE: valuesOf(schema, 'SyncEntityType'),
    }
    return statistics([...this.snapshot.runs.values()].filter(runFilter(filter)), args, types)
  }

  freshness(args, schema) {
    const enums = { entityType: valuesOf(schema, 'SyncEntityType'), source: valuesOf(schema, 'SyncSource') }
    return freshness([...this.snapshot.runs.values()], args, enums, run => this.runObject(run))
  }

  failureGroups({ filter, first }) {
    const runs = sortRuns(this.snapshot.runs.values(), 'STARTED_AT', 'DESC').filter(runFilter(filter))
    return failureGroups(runs, first, run => this.runObject(run))
  }

  users({ search, ...args }) {
    return connection({
      ...args,
      items: sortUsers(this.snapshot.users.values()),
      includes: userFilter(search),
      cursorOf: user => this.snapshot.userCursors.get(user.id),
      node: user => this.user(user.id),
    })
  }
}

function valuesOf(schema, type) {
  return schema.getType(type).getValues().map(({ name }) => name)
}

function connection({ items, includes, cursorOf, node, ...args }) {
  const indexOf = cursor => {
    const index = items.findIndex(item => cursorOf(item) === cursor)
    if (index < 0) throw new InputError('the cursor is not of this list')
    return index
  }
  const { rows, ...pageInfo } = page({ items, includes, indexOf, ...args })
  const ends = { startCursor: rows[0], endCursor: rows.at(-1) }
  const cursors = Object.entries(ends).map(([name, item]) => [name, item ? cursorOf(item) : null])
  return {
    edges: () => rows.map(item => ({ cursor: cursorOf(item), node: node(item) })),
    nodes: () => rows.map(node),
    pageInfo: { ...pageInfo, ...Object.fromEntries(cursors) },
    totalCount: ({ upTo }) => {
      if (upTo < 1) throw new InputError('upTo is less than 1')
      return Math.min(upTo, items.filter(includes).length)
    },
    feedCursor: ANY_CURSOR,
  }
}
