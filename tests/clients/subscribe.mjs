// Subscriptions over WebSocket, with the client graphql-ws.

import assert from 'node:assert/strict'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import {
  Inbox,
  completeRun,
  createRun,
  makeMark,
  report,
  reportProgress,
  request,
  socketEndpoint,
  startRun,
  untilLive,
  within,
} from './helpers.mjs'

const CHANGES = `
  subscription Changes($filter: SyncRunFilter, $kinds: [SyncChangeKind!]! = [CREATED, STATUS], $after: String) {
    syncRunChanged(filter: $filter, kinds: $kinds, after: $after) {
      cursor kind changedAt previousStatus status matchesFilter
      run { id status version recordsProcessed }
    }
  }`

const runOf = change => change.run.id

/** Runs `use` with a client that does not reconnect: a lost connection fails the check. */
async function withClient(use) {
  const messages = []
  const client = createClient({
    url: socketEndpoint,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    on: { message: message => messages.push(message) },
  })
  try {
    return await use(client, messages)
  } finally {
    await client.dispose()
  }
}

/** Subscribes to changes. */
function subscribe(client, variables) {
  const changes = new Inbox()
  client.subscribe(
    { query: CHANGES, variables },
    {
      next: ({ data, errors }) =>
        errors ? changes.end(`the subscription failed: ${JSON.stringify(errors)}`) : changes.push(data.syncRunChanged),
      error: error => changes.end(`the subscription failed: ${JSON.stringify(error)}`),
      complete: () => changes.end('the subscription ended'),
    },
  )
  return changes
}

/** The received changes of one run. Waits for the change of `mark`, the run that was created last. */
async function changesOf(changes, run, mark) {
  await changes.find(change => runOf(change) === mark, 'the mark after the changes')
  return changes.items.filter(change => runOf(change) === run)
}

/** Summarises a change, without the values that vary. */
function summary({ kind, previousStatus, status, matchesFilter }) {
  return `${kind} ${previousStatus ?? '-'} > ${status}${matchesFilter ? '' : ', left the filter'}`
}

const CREATED = 'CREATED - > PENDING'
const STARTED = 'STATUS PENDING > RUNNING'
const COMPLETED = 'STATUS RUNNING > COMPLETED'

/** The errors of a rejected operation, from its `error` message. */
async function rejection(client, messages, payload) {
  const errors = await within(
    new Promise((resolve, reject) => {
      client.subscribe(payload, {
        next: result => reject(new Error(`got a result: ${JSON.stringify(result)}`)),
        error: resolve,
        complete: () => reject(new Error('completed without an error')),
      })
    }),
    'an error',
  )
  assert.ok(Array.isArray(errors), `not rejected by a message: ${errors?.code} ${errors?.reason ?? errors}`)
  const [message] = messages.filter(({ type }) => type !== 'connection_ack' && type !== 'ping')
  assert.equal(message.type, 'error')
  for (const error of errors) assert.equal(typeof error.message, 'string')
  return errors
}

/** The single result of a query or mutation that completes. */
async function result(client, payload) {
  const results = []
  await within(
    new Promise((resolve, reject) => {
      client.subscribe(payload, { next: one => results.push(one), error: reject, complete: resolve })
    }),
    'an operation to complete',
  )
  assert.equal(results.length, 1)
  assert.equal(results[0].errors, undefined)
  return results[0].data
}

await report('subscribe', {
  'changes are delivered live and in order, and again after a cursor': () =>
    withClient(async client => {
      const changes = subscribe(client)
      await untilLive(changes, runOf)
      const run = await createRun()
      await startRun(run)
      await completeRun(run)
      const live = await changesOf(changes, run, await makeMark())
      assert.deepEqual(live.map(summary), [CREATED, STARTED, COMPLETED])
      live.forEach(({ changedAt, run }, index) => {
        assert.ok(run.version > index, `change ${index + 1} came with version ${run.version}`)
        assert.match(changedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
      })

      const resumed = subscribe(client, { after: live[0].cursor })
      const again = await changesOf(resumed, run, await makeMark())
      assert.deepEqual(again.map(summary), [STARTED, COMPLETED])
      assert.deepEqual(again.map(({ changedAt }) => changedAt), live.slice(1).map(({ changedAt }) => changedAt))
      // A cursor from a resumed subscription is valid as well.
      const rest = subscribe(client, { after: again[0].cursor })
      assert.deepEqual((await changesOf(rest, run, await makeMark())).map(summary), [COMPLETED])
    }),

  'each change carries the run as it was at delivery': () =>
    withClient(async client => {
      const changes = subscribe(client)
      await untilLive(changes, runOf)
      const run = await createRun()
      const changeTo = status =>
        changes.find(change => runOf(change) === run && change.status === status, `the change to ${status}`)
      const created = await changeTo('PENDING')
      await startRun(run)
      const started = await changeTo('RUNNING')
      await completeRun(run)
      const completed = await changeTo('COMPLETED')
      assert.deepEqual(
        [created, started, completed].map(({ run: { version, status } }) => [version, status]),
        [
          [1, 'PENDING'],
          [2, 'RUNNING'],
          [3, 'COMPLETED'],
        ],
      )
    }),

  'no change is lost between a list and a subscription': () =>
    withClient(async client => {
      const { syncRuns } = await request('{ syncRuns(first: 1) { feedCursor } }')
      const run = await createRun()
      const changes = subscribe(client, { after: syncRuns.feedCursor })
      assert.deepEqual((await changesOf(changes, run, await makeMark())).map(summary), [CREATED])
      // Then live.
      await startRun(run)
      assert.deepEqual((await changesOf(changes, run, await makeMark())).map(summary), [CREATED, STARTED])
    }),

  'a filter by status delivers runs that enter and leave': () =>
    withClient(async client => {
      const changes = subscribe(client, { filter: { status: ['RUNNING'] } })
      await untilLive(changes, runOf)
      const run = await createRun()
      await startRun(run)
      // `matchesFilter` describes the run at delivery, so it must still be running then.
      await changes.find(change => runOf(change) === run && change.status === 'RUNNING', 'the start')
      await completeRun(run)
      const seen = await changesOf(changes, run, await makeMark())
      assert.deepEqual(seen.map(summary), [STARTED, `${COMPLETED}, left the filter`])
    }),

  'a filter by another source delivers nothing': () =>
    withClient(async client => {
      const changes = subscribe(client, { filter: { source: ['FILE'] } })
      await untilLive(changes, runOf, { source: 'FILE' })
      const run = await createRun({ source: 'API' })
      await startRun(run)
      await completeRun(run)
      assert.deepEqual(await changesOf(changes, run, await makeMark({ source: 'FILE' })), [])
    }),

  'only progress is delivered if requested': () =>
    withClient(async client => {
      const changes = subscribe(client, { kinds: ['PROGRESS'] })
      await untilLive(changes, runOf)
      const run = await createRun()
      await startRun(run)
      await reportProgress(run, 7)
      await reportProgress(run, 8)
      await completeRun(run)
      const seen = await changesOf(changes, run, await makeMark())
      const progress = 'PROGRESS RUNNING > RUNNING'
      // A change may be delivered after the next was made, but is delivered on its own.
      assert.deepEqual(seen.map(summary), [progress, progress])
      assert.ok(seen[0].run.recordsProcessed >= 7 && seen[1].run.recordsProcessed === 8)
    }),

  'several subscriptions share a socket': () =>
    withClient(async client => {
      const subscriptions = ['AS400', 'FILEMAKER', 'EXTERNAL'].map(source => {
        const changes = subscribe(client, { filter: { source: [source] } })
        return { source, changes }
      })
      for (const { source, changes } of subscriptions) await untilLive(changes, runOf, { source })
      for (const { source, changes } of subscriptions) {
        const run = await createRun({ source })
        await changes.find(change => runOf(change) === run, `the run from ${source}`)
        for (const other of subscriptions) {
          if (other.source === source) continue
          await changesOf(other.changes, run, await makeMark({ source: other.source }))
          assert.ok(!other.changes.items.some(change => runOf(change) === run))
        }
      }
    }),

  'a query and a mutation complete': () =>
    withClient(async client => {
      // With no operation in flight the client closes its socket, and opens another for the next operation.
      // This also fails if the server does not acknowledge the close.
      const created = await result(client, {
        query: `mutation Make($input: CreateSyncRunInput!) {
          createSyncRun(input: $input) { replayed run { id status version } }
        }`,
        variables: { input: { entityType: 'STOCK', source: 'AS400' } },
      })
      assert.equal(created.createSyncRun.replayed, false)
      const read = await result(client, {
        operationName: 'Second',
        query: `query First { __typename }
          query Second($id: ID!) { syncRun(id: $id) { id status version } }`,
        variables: { id: created.createSyncRun.run.id },
      })
      assert.deepEqual(read.syncRun, created.createSyncRun.run)
      assert.deepEqual([read.syncRun.status, read.syncRun.version], ['PENDING', 1])
    }),

  'an invalid document is rejected with a code': () =>
    withClient(async (client, messages) => {
      const errors = await rejection(client, messages, { query: 'subscription { syncRunChanged { nothing } }' })
      for (const { extensions } of errors) assert.equal(extensions.code, 'BAD_INPUT')
    }),

  'a malformed cursor is rejected with a code': () =>
    withClient(async (client, messages) => {
      const [error] = await rejection(client, messages, { query: CHANGES, variables: { after: 'no cursor' } })
      assert.equal(error.extensions.code, 'BAD_CURSOR')
    }),

  'a list cursor is not a feed cursor': () =>
    withClient(async (client, messages) => {
      await makeMark()
      const { syncRuns } = await request('{ syncRuns(first: 1) { pageInfo { endCursor } } }')
      const after = syncRuns.pageInfo.endCursor
      const [error] = await rejection(client, messages, { query: CHANGES, variables: { after } })
      assert.equal(error.extensions.code, 'BAD_CURSOR')
    }),
})
