// The hooks of react-admin with the data provider of the example. Arguments: the server, and the ids of two of its users.

import assert from 'node:assert/strict'
import { runnerImport } from 'vite'
import { completeRun, createRun, endpoint, report, request, startRun } from '../../tests/clients/helpers.mjs'
import { renderHook } from './render.mjs'

const { module } = await runnerImport('./react-admin/dataProvider.ts')
const { createDataProvider } = module

const { createElement } = await import('react')
const { CoreAdminContext, ListBase, TestMemoryRouter, useDataProvider, useDeleteMany } = await import('ra-core')
const { useGetManyReference, useGetList, useGetOne, useListContext, useReference } = await import('ra-core')

const USERS = process.argv.slice(3)

/** Wraps a component as react-admin does. Collects the operations that are sent. */
function admin(sent = []) {
  const dataProvider = createDataProvider(endpoint)
  const counted = new Proxy(dataProvider, {
    get: (target, name) =>
      typeof target[name] === 'function' && name !== 'then'
        ? (...values) => (sent.push([name, ...values]), target[name](...values))
        : target[name],
  })
  return child =>
    createElement(TestMemoryRouter, null, createElement(CoreAdminContext, { dataProvider: counted }, child))
}

/** Renders a list of runs, as `<List>` does. */
function renderList(properties) {
  const wrap = admin()
  const order = { field: 'startedAt', order: 'DESC' }
  const list = { resource: 'syncRuns', perPage: 2, sort: order, storeKey: false, ...properties }
  return renderHook(useListContext, child => wrap(createElement(ListBase, list, child)))
}

/** Creates runs, the last of which is the newest. */
async function createRuns(count, input) {
  const ids = []
  for (let number = 0; number < count; number += 1) {
    ids.push(await createRun({ startedAt: `2026-01-01T00:00:0${number}Z`, ...input }))
  }
  return ids
}

const idsOf = rows => rows?.map(({ id }) => id)
const shows = ids => list => !list.isFetching && `${idsOf(list.data)}` === `${ids}`

await report('react-admin', {
  async 'a list has numbered pages and a total'() {
    const [a, b, c, d, e] = await createRuns(5, { entityType: 'MANUFACTURER' })
    const list = renderList({ filter: { entityType: 'MANUFACTURER' } })
    const first = await list(shows([e, d]), 'the first page')
    assert.deepEqual([first.total, first.hasNextPage, first.hasPreviousPage], [5, true, false])
    first.setPage(3)
    const last = await list(shows([a]), 'the last page')
    assert.deepEqual([last.total, last.hasNextPage, last.hasPreviousPage], [5, false, true])
    last.setPage(2)
    await list(shows([c, b]), 'the page between')
  },

  async 'a list is sorted and filtered'() {
    const [pending, running, completed] = await createRuns(3, { entityType: 'CUSTOMER' })
    await startRun(running)
    await completeRun(completed)
    const list = renderList({ filter: { entityType: 'CUSTOMER' }, perPage: 10 })
    const { setSort } = await list(shows([completed, running, pending]), 'the newest first')
    setSort({ field: 'startedAt', order: 'ASC' })
    await list(shows([pending, running, completed]), 'the oldest first')
    setSort({ field: 'status', order: 'DESC' })
    const { setFilters } = await list(shows([running, pending, completed]), 'the order of names')
    setFilters({ status: ['PENDING', 'RUNNING'], startedAt: { gte: '2026-01-01T00:00:01Z' } })
    assert.equal((await list(shows([running]), 'the filtered list')).total, 1)
  },

  async 'an export reads more rows than a page has'() {
    const events = Array.from({ length: 250 }, (_, number) => ({ eventType: 'chunk', message: `${number}` }))
    const [run] = await createRuns(1, { status: 'RUNNING' })
    await request('mutation Add($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }', {
      input: { runId: run, events },
    })
    const parameters = { target: 'runId', id: run, pagination: { page: 1, perPage: 1000 } }
    const rendered = renderHook(() => useGetManyReference('syncEvents', parameters), admin())
    const { data, total } = await rendered(({ isPending }) => !isPending, 'the events of the run')
    assert.deepEqual([new Set(idsOf(data)).size, total], [250, 250])
  },

  async 'references to users are read at once'() {
    const runs = []
    for (const triggeredById of USERS) runs.push(await createRun({ entityType: 'ORDER', triggeredById }))
    const sent = []
    const useUsers = () => {
      const { data } = useGetList('syncRuns', { filter: { id: runs }, sort: { field: 'startedAt', order: 'ASC' } })
      const [one, two] = USERS.map((_, index) => data?.[index]?.triggeredById)
      const enabled = data !== undefined
      return [
        useReference({ reference: 'users', id: one, options: { enabled } }),
        useReference({ reference: 'users', id: two, options: { enabled } }),
      ]
    }
    const rendered = renderHook(useUsers, admin(sent))
    const users = await rendered(users => users.every(({ referenceRecord }) => referenceRecord), 'both users')
    assert.deepEqual(new Set(users.map(({ referenceRecord }) => referenceRecord.id)), new Set(USERS))
    assert.equal(sent.filter(([name]) => name === 'getMany').length, 1)
  },

  async 'users are searched by name'() {
    const useSearch = () => useGetList('users', { filter: { q: 'ZOË' }, pagination: { page: 1, perPage: 1 } })
    const { data, total } = await renderHook(useSearch, admin())(({ isPending }) => !isPending, 'users')
    assert.deepEqual([data.length, data[0].fullName, total], [1, 'Zoë', USERS.length])
    const useLast = () => useGetList('users', { pagination: { page: 2, perPage: 1 } })
    const last = await renderHook(useLast, admin())(({ isPending }) => !isPending, 'the second page')
    assert.deepEqual([last.data.length, last.pageInfo], [1, { hasNextPage: false, hasPreviousPage: true }])
  },

  async 'selected runs are deleted'() {
    const [a, b, c] = await createRuns(3, { entityType: 'PRICING' })
    const useDeletion = () => ({ list: useListContext(), deletion: useDeleteMany() })
    const wrap = admin()
    const selection = { resource: 'syncRuns', filter: { entityType: 'PRICING' }, storeKey: false }
    const rendered = renderHook(useDeletion, child => wrap(createElement(ListBase, selection, child)))
    const { deletion } = await rendered(({ list }) => shows([c, b, a])(list), 'the runs')
    deletion[0]('syncRuns', { ids: [a, c] }, { mutationMode: 'pessimistic' })
    await rendered(({ list }) => shows([b])(list), 'the run that is left')
    const useDeleted = () => useGetOne('syncRuns', { id: a }, { retry: false })
    const { error } = await renderHook(useDeleted, admin())(({ error }) => error, 'an error')
    assert.equal(error.status, 404)
  },

  async 'selected runs are cancelled'() {
    const [open, ended] = await createRuns(2, { entityType: 'STOCK' })
    await completeRun(ended)
    const dataProvider = await renderHook(useDataProvider, admin())(() => true, 'the data provider')
    const { data } = await dataProvider.cancelMany([open, ended], 'not needed')
    assert.deepEqual(
      data.map(({ run, errorCode }) => [run?.status, errorCode]),
      [
        ['CANCELLED', null],
        [undefined, 'ALREADY_FINISHED'],
      ],
    )
  },

  async 'errors have their code and message'() {
    const useFarPage = () =>
      useGetList('syncRuns', { pagination: { page: 5000, perPage: 25 } }, { retry: false })
    const { error } = await renderHook(useFarPage, admin())(({ error }) => error, 'an error')
    assert.deepEqual([error.code, error.status], ['BAD_INPUT', 400])
    assert.match(error.message, /offset/)
  },
})
