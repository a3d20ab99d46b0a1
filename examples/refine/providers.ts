// Options of @refinedev/graphql and a live provider of Refine for sync-history. Copy and adapt them.

import type { CrudFilter, CrudFilters, CrudSort, LiveEvent, LiveProvider, LogicalFilter, Pagination } from '@refinedev/core'
import type createDataProvider from '@refinedev/graphql'
import type { Client } from 'graphql-ws'

/** The fields that runs can be ordered by. */
const RUN_ORDERS: Record<string, string> = {
  startedAt: 'STARTED_AT',
  completedAt: 'COMPLETED_AT',
  durationSeconds: 'DURATION',
  recordsProcessed: 'RECORDS_PROCESSED',
  recordsFailed: 'RECORDS_FAILED',
  status: 'STATUS',
  entityType: 'ENTITY_TYPE',
  source: 'SOURCE',
}

function order(resource: string, [first, ...others]: CrudSort[] = []) {
  if (!first) return {}
  const { field } = first
  const direction = first.order.toUpperCase()
  if (!others.length && resource === 'syncEvents' && field === 'timestamp') return { direction }
  if (!others.length && resource === 'syncRuns' && RUN_ORDERS[field]) {
    return { orderBy: { field: RUN_ORDERS[field], direction } }
  }
  throw new Error(`${resource} cannot be ordered by ${[first, ...others].map(({ field }) => field).join(', ')}`)
}

function page({ currentPage = 1, pageSize = 10, mode = 'server' }: Pagination = {}) {
  if (mode !== 'server') throw new Error('lists have pages of at most 100 rows: set pagination.mode to "server"')
  return { first: pageSize, offset: (currentPage - 1) * pageSize }
}

const RANGES = [
  ...['startedAt', 'completedAt', 'updatedAt', 'timestamp', 'durationSeconds'],
  ...['recordsProcessed', 'recordsCreated', 'recordsUpdated', 'recordsFailed'],
]

/** The fields whose text can be searched. */
const CONTAINS: Record<string, string> = { errorMessage: 'errorContains', message: 'messageContains' }

/** A `SyncRunFilter` or `SyncEventFilter`. */
type Filter = Record<string, any>

const OPERATORS: Record<string, (field: string, value: any) => Filter | false | undefined> = {
  eq: (field, value) => (RANGES.includes(field) ? { [field]: { gte: value, lte: value } } : { [field]: value }),
  in: (field, values) => ({ [field]: values }),
  gt: (field, gt) => ({ [field]: { gt } }),
  gte: (field, gte) => ({ [field]: { gte } }),
  lt: (field, lt) => ({ [field]: { lt } }),
  lte: (field, lte) => ({ [field]: { lte } }),
  between: (field, [gte, lte]) => ({ [field]: { gte, lte } }),
  contains: (field, text) => CONTAINS[field] !== undefined && { [CONTAINS[field]]: text },
  startswith: (field, text) => field === 'id' && { idStartsWith: text },
  null: field => field === 'triggeredById' && { triggeredByUser: false },
}
const NEGATIONS: Record<string, CrudFilter['operator']> = { ne: 'eq', nin: 'in', nbetween: 'between', ncontains: 'contains', nstartswith: 'startswith', nnull: 'null' }

function condition(one: CrudFilter): Filter {
  const { operator, value } = one
  if (operator === 'or') return { anyOf: value.map(condition) }
  if (operator === 'and') return all(value)
  const { field } = one as LogicalFilter
  const negated = NEGATIONS[operator]
  if (negated) return { not: condition({ field, operator: negated, value } as LogicalFilter) }
  const filter = OPERATORS[operator]?.(field, value)
  if (!filter) throw new Error(`${field} cannot be filtered by the operator ${operator}`)
  return filter
}

/** Combines conditions of which all must hold. */
function all(filters: CrudFilters): Filter {
  const combined: Filter = {}
  const rest: Filter[] = []
  const isFree = (name: string, value: any) =>
    !(name in combined) || (RANGES.includes(name) && !Object.keys(value).some(bound => bound in combined[name]))
  for (const one of filters.map(condition)) {
    const entries = Object.entries(one)
    if (!entries.every(([name, value]) => isFree(name, value))) rest.push(one)
    else for (const [name, value] of entries) combined[name] = RANGES.includes(name) ? { ...combined[name], ...value } : value
  }
  // A filter has each field once: otherwise, neither of the conditions may fail.
  return rest.length ? { not: { anyOf: [combined, ...rest].map(filter => ({ not: filter })) } } : combined
}

/** The conditions that are set: an empty control of a form has no value. */
function toFilter(filters: CrudFilters = []) {
  const isSet = ({ operator, value }: CrudFilter) => ['null', 'nnull'].includes(operator) || ![undefined, null, ''].includes(value)
  const conditions = filters.filter(isSet)
  return conditions.length ? all(conditions) : undefined
}

const firstField = ({ data }: { data?: object }): any => Object.values(data ?? {})[0]

/** Second argument of @refinedev/graphql's data provider. Resources: syncRuns, syncEvents, users. */
export const options: Parameters<typeof createDataProvider>[1] = {
  getList: {
    buildVariables({ resource, pagination, sorters, filters, meta }) {
      const { first, offset } = page(pagination)
      if (resource !== 'users') {
        return { first, offset, ...order(resource, sorters), filter: toFilter(filters), ...meta?.gqlVariables }
      }
      // Ordered by name and without numbered pages: people search for a name.
      if (offset) throw new Error('users have no numbered pages')
      const search = filters?.find(one => 'field' in one && one.field === 'fullName')?.value
      return { first, search, ...meta?.gqlVariables }
    },
  },
  getOne: {
    dataMapper(response, { id }) {
      const record = firstField(response)
      if (!record) throw Object.assign(new Error(`there is no ${id}`), { statusCode: 404 })
      return record
    },
  },
  // @refinedev/graphql passes the result as the variable `filter`, which is the list of ids in the query of `getMany`.
  getMany: {
    buildFilter: ({ ids }) => ids,
    dataMapper: response => firstField(response).filter((node: any) => node?.id),
  },
  deleteOne: {
    buildVariables: ({ id }) => ({ input: { runIds: [id] } }),
    dataMapper: (_response, { id }) => ({ id }),
  },
  deleteMany: {
    buildVariables: ({ ids }) => ({ input: { runIds: ids } }),
  },
}

const POSITION = '{ syncRuns(first: 0) { feedCursor } }'
const CHANGES = `subscription Changes($filter: SyncRunFilter, $after: String) {
  syncRunChanged(filter: $filter, kinds: [CREATED, STATUS, PROGRESS, DELETED], after: $after) { cursor kind runId }
}`
const TYPES: Record<string, LiveEvent['type']> = { CREATED: 'created', DELETED: 'deleted' }

/** The least time between two notifications, and how long to wait after an error, in milliseconds. */
const INTERVAL = 200
const RETRY_DELAY = 2_000

/**
 * A live provider over a client of graphql-ws, whose subscriptions resume after the last `cursor` they received. Refine
 * reads a list of runs again when one of its runs changes.
 */
export const createLiveProvider = (client: Client): LiveProvider => ({
  subscribe({ channel, params, callback }) {
    if (params?.resource !== 'syncRuns') return () => {}
    const ids = params.id ? [params.id] : params.ids
    const filter = ids ? { id: ids } : toFilter(params.filters)
    const notify = (type: LiveEvent['type'], ids: unknown[] = []) =>
      callback({ channel, type, payload: { ids: ids as string[] }, date: new Date() })
    // The runs that have changed, by type of event.
    let changes: Record<string, string[]> = {}
    let timer: ReturnType<typeof setTimeout> | undefined
    const notifyOfChanges = () => {
      const events = Object.entries(changes)
      changes = {}
      timer = undefined
      for (const [type, ids] of events) notify(type, ids)
    }
    let unsubscribe = () => {}
    // graphql-ws reconnects by itself. An error remains if the feed no longer has the changes after the cursor, or if
    // the server rejects the credentials.
    const restart = () => {
      notify('updated', ids)
      const retry = setTimeout(begin, RETRY_DELAY)
      unsubscribe = () => clearTimeout(retry)
    }
    const sink = { error: restart, complete() {} }
    const follow = (after: string) =>
      client.subscribe<any>({ query: CHANGES, variables: { filter, after } }, {
        ...sink,
        next({ data }) {
          const { kind, runId } = data.syncRunChanged
          const type = TYPES[kind] ?? 'updated'
          changes[type] = [...(changes[type] ?? []), runId]
          timer ??= setTimeout(notifyOfChanges, INTERVAL)
        },
      })
    const begin = () => {
      unsubscribe = client.subscribe<any>({ query: POSITION }, {
        ...sink,
        next({ data }) {
          unsubscribe = follow(data.syncRuns.feedCursor)
          // Refine has read the list already: it may lack changes before the cursor.
          notify('updated', ids)
        },
      })
    }
    begin()
    return () => {
      unsubscribe()
      clearTimeout(timer)
    }
  },
  unsubscribe: unsubscribe => unsubscribe(),
})
