// A data provider of react-admin for sync-history. Resources: syncRuns, syncEvents, users. Copy and adapt it.

import type { DataProvider, DeleteManyParams, GetListParams, GetListResult, GetManyParams } from 'ra-core'

const RUN = `id entityType source status startedAt completedAt updatedAt durationSeconds recordsProcessed recordsCreated
  recordsUpdated recordsFailed recordsExpected progress errorMessage details triggeredById version`
const EVENT = 'id eventType timestamp message details run { id }'
const USER = 'id email fullName'

type Sort = { field: string; order: 'ASC' | 'DESC' }

interface Resource {
  type: string
  fields: string
  /** Fields of a list besides its rows. */
  listFields?: string
  arguments: Record<string, string>
  variables: (filter: any, sort: Sort) => Record<string, unknown>
}

const RESOURCES: Record<string, Resource> = {
  syncRuns: {
    type: 'SyncRun',
    fields: RUN,
    listFields: 'feedCursor',
    arguments: { filter: 'SyncRunFilter', orderBy: 'SyncRunOrder', offset: 'Int' },
    variables: (filter, sort) => ({ filter, orderBy: runOrder(sort) }),
  },
  syncEvents: {
    type: 'SyncEvent',
    fields: EVENT,
    listFields: 'feedCursor',
    arguments: { filter: 'SyncEventFilter', direction: 'OrderDirection! = DESC', offset: 'Int' },
    variables: (filter, sort) => ({ filter, direction: eventDirection(sort) }),
  },
  // Ordered by name. Has no numbered pages: later ones are reached by reading the earlier ones.
  users: {
    type: 'User',
    fields: USER,
    arguments: { search: 'String' },
    variables: ({ q }) => ({ search: q }),
  },
}

/** The most rows and ids of one request. */
const MAX_ROWS = 100

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

// Without an order, the server returns the newest first.
function runOrder({ field, order }: Sort) {
  if (field === 'id') return undefined
  if (!RUN_ORDERS[field]) throw new Error(`runs cannot be ordered by ${field}`)
  return { field: RUN_ORDERS[field], direction: order }
}

function eventDirection({ field, order }: Sort) {
  if (field === 'id') return undefined
  if (field !== 'timestamp') throw new Error(`events cannot be ordered by ${field}`)
  return order
}

/** The status by which react-admin's `authProvider.checkError` recognises what to do. */
const STATUS: Record<string, number> = { UNAUTHENTICATED: 401, FORBIDDEN: 403, NOT_FOUND: 404 }

export class ApiError extends Error {
  code?: string
  status: number

  constructor({ message, extensions }: { message: string; extensions?: { code?: string } }) {
    super(message)
    this.code = extensions?.code
    this.status = STATUS[this.code ?? ''] ?? 400
  }
}

/** react-admin sorts by `id` where no order is chosen. */
const UNSORTED: Sort = { field: 'id', order: 'ASC' }

interface Range {
  offset: number
  count: number
  sort: Sort
  filter: any
  signal?: AbortSignal
}

/**
 * `url` is that of the endpoint, such as `https://sync.example.com/graphql`. `headers` returns the headers of a
 * request, such as `{ authorization: 'Bearer …' }`.
 */
export function createDataProvider(url: string, headers: () => Record<string, string> = () => ({})) {
  /** Returns the root field of an operation that has one. */
  async function request(query: string, variables: object, signal?: AbortSignal): Promise<any> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers() },
      body: JSON.stringify({ query, variables }),
      signal,
    })
    // A proxy may respond with something else.
    if (!response.headers.get('content-type')?.includes('json')) throw new Error(`the server responded with ${response.status}`)
    const { data, errors } = await response.json()
    // A list is usable without its total.
    const error = errors?.find(({ path }: { path?: unknown[] }) => path?.at(-1) !== 'totalCount')
    if (error) throw new ApiError(error)
    return Object.values(data)[0]
  }

  /** Reads rows in pages of at most `MAX_ROWS`, after `offset` rows. */
  async function list(resource: string, { offset, count, sort, filter, signal }: Range): Promise<GetListResult> {
    const { arguments: types, fields, listFields = '', variables } = resourceOf(resource)
    const all = { ...types, first: 'Int', after: 'String' }
    const declared = Object.entries(all).map(([name, type]) => `$${name}: ${type}`)
    const passed = Object.keys(all).map(name => `${name}: $${name}`)
    const query = `query List(${declared}, $total: Boolean!) {
      ${resource}(${passed}) {
        nodes { ${fields} } totalCount @include(if: $total) pageInfo { hasNextPage endCursor } ${listFields}
      }
    }`
    const skipped = 'offset' in types ? 0 : offset
    const wanted = skipped + count
    const rows: any[] = []
    let total, meta, pageInfo
    do {
      const first = Math.min(wanted - rows.length, MAX_ROWS)
      const position = pageInfo ? { after: pageInfo.endCursor } : { offset: offset - skipped }
      const page = await request(query, { ...variables(filter, sort), first, ...position, total: !pageInfo }, signal)
      rows.push(...page.nodes)
      if (!pageInfo) {
        total = page.totalCount
        // A live view of the list follows the changes after this cursor.
        meta = { feedCursor: page.feedCursor }
      }
      pageInfo = page.pageInfo
    } while (rows.length < wanted && pageInfo.hasNextPage)
    return {
      data: rows.slice(skipped),
      // Null if it could not be counted: react-admin then needs `pageInfo`. 10,000 means that many or more.
      total: total ?? undefined,
      pageInfo: { hasNextPage: pageInfo.hasNextPage, hasPreviousPage: offset > 0 },
      meta,
    }
  }

  function getList(resource: string, { pagination, sort = UNSORTED, filter = {}, signal }: GetListParams) {
    const { page, perPage } = pagination ?? { page: 1, perPage: 25 }
    return list(resource, { offset: (page - 1) * perPage, count: perPage, sort, filter, signal })
  }

  async function getMany(resource: string, { ids, signal }: GetManyParams) {
    const { type, fields } = resourceOf(resource)
    const query = `query Many($ids: [ID!]!) { nodes(ids: $ids) { ... on ${type} { ${fields} } } }`
    const pages = await Promise.all(chunks(ids).map(ids => request(query, { ids }, signal)))
    return { data: pages.flat().filter((node: any) => node?.id) }
  }

  async function deleteMany(resource: string, { ids }: DeleteManyParams) {
    if (resource !== 'syncRuns') throw new Error(`${resource} cannot be deleted`)
    const query = `mutation Delete($ids: [ID!]!) { deleteSyncRuns(input: { runIds: $ids }) { deletedRunIds } }`
    const deleted: string[] = []
    for (const runIds of chunks(ids)) deleted.push(...(await request(query, { ids: runIds })).deletedRunIds)
    return { data: deleted }
  }

  const unsupported = async () => {
    throw new Error('runs are written by workers')
  }

  const provider: DataProvider = {
    getList,
    getMany,

    async getOne(resource, { id, signal }) {
      const { data } = await getMany(resource, { ids: [id], signal })
      if (!data.length) throw new ApiError({ message: `there is no ${id}`, extensions: { code: 'NOT_FOUND' } })
      return { data: data[0] }
    },

    getManyReference: (resource, { target, id, filter, ...params }) =>
      getList(resource, { ...params, filter: { ...filter, [target]: id } }),

    async delete(resource, { id }) {
      await deleteMany(resource, { ids: [id] })
      return { data: { id } as any }
    },
    deleteMany,

    /** Cancels runs, for a button of your own. Returns, for each id, the run, or why it was not cancelled. */
    async cancelMany(ids: string[], reason?: string) {
      const query = `mutation Cancel($input: CancelSyncRunsInput!) {
        cancelSyncRuns(input: $input) { results { runId run { ${RUN} } errorCode errorMessage } }
      }`
      const payloads = chunks(ids).map(runIds => request(query, { input: { runIds, reason } }))
      return { data: (await Promise.all(payloads)).flatMap(({ results }) => results) }
    },

    create: unsupported,
    update: unsupported,
    updateMany: unsupported,
  }
  return provider
}

function resourceOf(name: string) {
  const resource = RESOURCES[name]
  if (!resource) throw new Error(`there is no resource ${name}`)
  return resource
}

function chunks<T>(ids: T[]) {
  const count = Math.ceil(ids.length / MAX_ROWS)
  return Array.from({ length: count }, (_, index) => ids.slice(index * MAX_ROWS, (index + 1) * MAX_ROWS))
}
