// The hooks of Refine with @refinedev/graphql and the options of the example. Arguments: the server, and the ids of two of
// its users.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { Client, fetchExchange, gql } from '@urql/core'
import { createClient } from 'graphql-ws'
import { runnerImport } from 'vite'
import WebSocket from 'ws'
import { completeRun, createRun, endpoint, report, socketEndpoint, startRun } from '../../tests/clients/helpers.mjs'
import { renderHook } from './render.mjs'

const { module } = await runnerImport('./refine/providers.ts')
const { createLiveProvider, options } = module
const { createElement } = await import('react')
const { Refine, useDelete, useDeleteMany, useList, useMany, useOne, useSelect, useTable } = await import(
  '@refinedev/core'
)

// Bundlers load its ES module, whose imports Node does not resolve.
const { default: createDataProvider } = createRequire(import.meta.url)('@refinedev/graphql')

const USERS = process.argv.slice(3)

const RUNS = gql`
  query Runs($filter: SyncRunFilter, $orderBy: SyncRunOrder, $first: Int, $offset: Int) {
    syncRuns(filter: $filter, orderBy: $orderBy, first: $first, offset: $offset) {
      nodes { id status startedAt triggeredById }
      totalCount
    }
  }
`
const RUN = gql`
  query Run($id: ID!) {
    syncRun(id: $id) { id status errorMessage }
  }
`
const EVENTS = gql`
  query Events($filter: SyncEventFilter, $direction: OrderDirection! = DESC, $first: Int, $offset: Int) {
    syncEvents(filter: $filter, direction: $direction, first: $first, offset: $offset) {
      nodes { id message }
      totalCount
    }
  }
`
const USERS_BY_NAME = gql`
  query Users($search: String, $first: Int) {
    users(search: $search, first: $first) { nodes { id fullName } totalCount }
  }
`
const USERS_BY_ID = gql`
  query UsersById($filter: [ID!]!) {
    nodes(ids: $filter) { ... on User { id fullName } }
  }
`
const DELETE = gql`
  mutation Delete($input: DeleteSyncRunsInput!) {
    deleteSyncRuns(input: $input) { deletedRunIds }
  }
`

const dataProvider = createDataProvider(new Client({ url: endpoint, exchanges: [fetchExchange] }), options)
const sockets = createClient({ url: socketEndpoint, webSocketImpl: WebSocket })
const liveProvider = createLiveProvider(sockets)

/** Wraps a component as Refine does. */
const refine = child =>
  createElement(
    Refine,
    {
      dataProvider,
      liveProvider,
      options: { disableTelemetry: true, reactQuery: { clientConfig: { defaultOptions: { queries: { retry: false } } } } },
    },
    child,
  )

/** Renders a table of runs. */
const renderTable = (filters, properties) =>
  renderHook(
    () =>
      useTable({
        resource: 'syncRuns',
        meta: { gqlQuery: RUNS },
        filters: { permanent: filters },
        sorters: { initial: [{ field: 'startedAt', order: 'desc' }] },
        ...properties,
      }),
    refine,
  )

/** Creates runs, the last of which is the newest. */
async function createRuns(count, input) {
  const ids = []
  for (let number = 0; number < count; number += 1) {
    ids.push(await createRun({ startedAt: `2026-01-01T00:00:0${number}Z`, ...input }))
  }
  return ids
}

const of = entityType => [{ field: 'entityType', operator: 'eq', value: entityType }]
const shows =
  ids =>
  ({ tableQuery, result }) =>
    !tableQuery.isFetching && `${result.data.map(({ id }) => id)}` === `${ids}`
const isDone = ({ query }) => !query.isFetching

await report('refine', {
  async 'a table has numbered pages and a total'() {
    const [a, b, c, d, e] = await createRuns(5, { entityType: 'MANUFACTURER' })
    const table = renderTable(of('MANUFACTURER'), { pagination: { pageSize: 2 } })
    const first = await table(shows([e, d]), 'the first page')
    assert.deepEqual([first.result.total, first.pageCount], [5, 3])
    first.setCurrentPage(3)
    const last = await table(shows([a]), 'the last page')
    last.setCurrentPage(2)
    await table(shows([c, b]), 'the page between')
  },

  async 'a table is sorted and filtered'() {
    const [pending, running, completed] = await createRuns(3, { entityType: 'CUSTOMER' })
    await startRun(running)
    await completeRun(completed)
    const table = renderTable(of('CUSTOMER'))
    const { setSorters } = await table(shows([completed, running, pending]), 'the newest first')
    setSorters([{ field: 'startedAt', order: 'asc' }])
    await table(shows([pending, running, completed]), 'the oldest first')
    setSorters([{ field: 'status', order: 'desc' }])
    const { setFilters } = await table(shows([running, pending, completed]), 'the order of names')
    const cases = [
      [[['status', 'ne', 'PENDING']], [running, completed]],
      [[['status', 'in', ['PENDING', 'RUNNING']], ['startedAt', 'gte', '2026-01-01T00:00:01Z']], [running]],
      [[['startedAt', 'gte', '2026-01-01T00:00:01Z'], ['startedAt', 'lt', '2026-01-01T00:00:02Z']], [running]],
      [[['startedAt', 'between', ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z']]], [running, pending]],
      // Several conditions on one field.
      [[['status', 'nin', ['PENDING']], ['source', 'ne', 'FILE'], ['status', 'ne', 'RUNNING']], [completed]],
      [[['id', 'startswith', pending.slice(0, 8)]], [pending]],
      [[['errorMessage', 'contains', 'no such text']], []],
      [[['triggeredById', 'null', true], ['recordsFailed', 'eq', 0]], [running, pending, completed]],
      [[['status', 'eq', '']], [running, pending, completed]],
    ]
    for (const [conditions, expected] of cases) {
      setFilters(
        conditions.map(([field, operator, value]) => ({ field, operator, value })),
        'replace',
      )
      await table(shows(expected), JSON.stringify(conditions))
    }
    const either = [
      { field: 'id', operator: 'eq', value: pending },
      { field: 'status', operator: 'eq', value: 'COMPLETED' },
    ]
    setFilters([{ operator: 'or', value: either }], 'replace')
    await table(shows([pending, completed]), 'either of two conditions')
  },

  async 'events of a run are listed'() {
    const [run] = await createRuns(1)
    const properties = {
      resource: 'syncEvents',
      filters: [{ field: 'runId', operator: 'eq', value: run }],
      sorters: [{ field: 'timestamp', order: 'asc' }],
      meta: { gqlQuery: EVENTS },
    }
    const { result } = await renderHook(() => useList(properties), refine)(isDone, 'events')
    assert.deepEqual(result, { data: [], total: 0 })
  },

  async 'references to users are read, and users are searched by name'() {
    const many = { resource: 'users', ids: USERS, meta: { gqlQuery: USERS_BY_ID } }
    const { result } = await renderHook(() => useMany(many), refine)(isDone, 'both users')
    assert.deepEqual(result.data.map(({ id }) => id), USERS)
    const select = { resource: 'users', optionLabel: 'fullName', debounce: 0, meta: { gqlQuery: USERS_BY_NAME } }
    const rendered = renderHook(() => useSelect(select), refine)
    const { onSearch } = await rendered(({ options }) => options.length === USERS.length, 'all users')
    onSearch('nobody')
    await rendered(({ options }) => options.length === 0, 'no user')
  },

  async 'one run is read, and an unknown one is an error'() {
    const [run] = await createRuns(1)
    const one = id => renderHook(() => useOne({ resource: 'syncRuns', id, meta: { gqlQuery: RUN } }), refine)
    const { result } = await one(run)(isDone, 'the run')
    assert.deepEqual(result, { id: run, status: 'PENDING', errorMessage: null })
    const { query } = await one('0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f')(isDone, 'an error')
    assert.equal(query.error.statusCode, 404)
  },

  async 'runs are deleted'() {
    const [a, b, c, d] = await createRuns(4, { entityType: 'PRICING' })
    const meta = { gqlMutation: DELETE }
    const useTableWithDeletion = () => ({
      table: useTable({ resource: 'syncRuns', meta: { gqlQuery: RUNS }, filters: { permanent: of('PRICING') } }),
      deleteOne: useDelete(),
      deleteMany: useDeleteMany(),
    })
    const rendered = renderHook(useTableWithDeletion, refine)
    const { deleteMany, deleteOne } = await rendered(({ table }) => shows([d, c, b, a])(table), 'the runs')
    deleteMany.mutate({ resource: 'syncRuns', ids: [a, c], meta })
    await rendered(({ table }) => shows([d, b])(table), 'the runs that are left')
    deleteOne.mutate({ resource: 'syncRuns', id: b, meta })
    await rendered(({ table }) => shows([d])(table), 'the run that is left')
  },

  async 'a live table follows changes'() {
    const [run] = await createRuns(1, { entityType: 'MEASUREMENT' })
    const table = renderTable(of('MEASUREMENT'), { liveMode: 'auto' })
    const statusIs = status => ({ result }) => result.data.some(({ id, ...row }) => id === run && row.status === status)
    await table(statusIs('PENDING'), 'the run')
    await startRun(run)
    await table(statusIs('RUNNING'), 'its start')
    const [another] = await createRuns(1, { entityType: 'MEASUREMENT' })
    await table(({ result }) => result.data.some(({ id }) => id === another), 'another run')
  },

  async 'errors have their message'() {
    const table = renderTable([], { pagination: { pageSize: 100, currentPage: 5000 } })
    const { tableQuery } = await table(({ tableQuery }) => tableQuery.isError, 'an error')
    assert.match(tableQuery.error.message, /offset/)
    const unsorted = renderTable([], { sorters: { initial: [{ field: 'errorMessage', order: 'asc' }] } })
    const { tableQuery: failed } = await unsorted(({ tableQuery }) => tableQuery.isError, 'an error of the provider')
    assert.match(failed.error.message, /cannot be ordered by errorMessage/)
  },
})
