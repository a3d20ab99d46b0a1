// Live changes as an application gets them: through the client of graphql-ws.

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

/** A client, given to `use` for as long as that takes. Nothing is retried: a lost socket is a failure. */
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

/** The changes of a subscription as they come. */
function watch(client, variables) {
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

/** The changes of one run among all that came up to now. `mark` is a run made last. */
async function changesOf(changes, run, mark) {
  await changes.find(change => runOf(change) === mark, 'the mark behind the changes')
  return changes.items.filter(change => runOf(change) === run)
}

/** What a change says, without what differs from run to run. */
function gist({ kind, previousStatus, status, matchesFilter }) {
  return `${kind} ${previousStatus ?? '-'} > ${status}${matchesFilter ? '' : ', left the filter'}`
}

const CREATED = 'CREATED - > PENDING'
const STARTED = 'STATUS PENDING > RUNNING'
const COMPLETED = 'STATUS RUNNING > COMPLETED'

/** The errors that an operation is refused with, in an `error` message. */
async function refusal(client, messages, payload) {
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
  assert.ok(Array.isArray(errors), `not refused by a message: ${errors?.code} ${errors?.reason ?? errors}`)
  const [message] = messages.filter(({ type }) => type !== 'connection_ack' && type !== 'ping')
  assert.equal(message.type, 'error')
  for (const error of errors) assert.equal(typeof error.message, 'string')
  return errors
}

/** The one result of a query or mutation, which completes. */
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
  'changes come live and in order, and again from a cursor': () =>
    withClient(async client => {
      const changes = watch(client)
      await untilLive(changes, runOf)
      const run = await createRun()
      await startRun(run)
      await completeRun(run)
      const live = await changesOf(changes, run, await makeMark())
      assert.deepEqual(live.map(gist), [CREATED, STARTED, COMPLETED])
      live.forEach(({ changedAt, run }, index) => {
        assert.ok(run.version > index, `change ${index + 1} came with version ${run.version}`)
        assert.match(changedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
      })

      const resumed = watch(client, { after: live[0].cursor })
      const again = await changesOf(resumed, run, await makeMark())
      assert.deepEqual(again.map(gist), [STARTED, COMPLETED])
      assert.deepEqual(again.map(({ changedAt }) => changedAt), live.slice(1).map(({ changedAt }) => changedAt))
      // A cursor that was itself delivered behind a cursor is as good.
      const rest = watch(client, { after: again[0].cursor })
      assert.deepEqual((await changesOf(rest, run, await makeMark())).map(gist), [COMPLETED])
    }),

  'each change carries the run as it was when the change was told': () =>
    withClient(async client => {
      const changes = watch(client)
      await untilLive(changes, runOf)
      const run = await createRun()
      const told = status =>
        changes.find(change => runOf(change) === run && change.status === status, `the change to ${status}`)
      const created = await told('PENDING')
      await startRun(run)
      const started = await told('RUNNING')
      await completeRun(run)
      const completed = await told('COMPLETED')
      assert.deepEqual(
        [created, started, completed].map(({ run: { version, status } }) => [version, status]),
        [
          [1, 'PENDING'],
          [2, 'RUNNING'],
          [3, 'COMPLETED'],
        ],
      )
    }),

  'nothing falls between a list and its live view': () =>
    withClient(async client => {
      const { syncRuns } = await request('{ syncRuns(first: 1) { feedCursor } }')
      const run = await createRun()
      const changes = watch(client, { after: syncRuns.feedCursor })
      assert.deepEqual((await changesOf(changes, run, await makeMark())).map(gist), [CREATED])
      // And on from there, live.
      await startRun(run)
      assert.deepEqual((await changesOf(changes, run, await makeMark())).map(gist), [CREATED, STARTED])
    }),

  'a filter by status sees a run come and go': () =>
    withClient(async client => {
      const changes = watch(client, { filter: { status: ['RUNNING'] } })
      await untilLive(changes, runOf)
      const run = await createRun()
      await startRun(run)
      // `matchesFilter` is about the run as it is now: it must still be running when this is told.
      await changes.find(change => runOf(change) === run && change.status === 'RUNNING', 'the start')
      await completeRun(run)
      const seen = await changesOf(changes, run, await makeMark())
      assert.deepEqual(seen.map(gist), [STARTED, `${COMPLETED}, left the filter`])
    }),

  'a filter by another source sees nothing': () =>
    withClient(async client => {
      const changes = watch(client, { filter: { source: ['FILE'] } })
      await untilLive(changes, runOf, { source: 'FILE' })
      const run = await createRun({ source: 'API' })
      await startRun(run)
      await completeRun(run)
      assert.deepEqual(await changesOf(changes, run, await makeMark({ source: 'FILE' })), [])
    }),

  'progress comes if asked for, and then alone': () =>
    withClient(async client => {
      const changes = watch(client, { kinds: ['PROGRESS'] })
      await untilLive(changes, runOf)
      const run = await createRun()
      await startRun(run)
      await reportProgress(run, 7)
      await reportProgress(run, 8)
      await completeRun(run)
      const seen = await changesOf(changes, run, await makeMark())
      const progress = 'PROGRESS RUNNING > RUNNING'
      // A change may be told after the next was made, but has a row of its own.
      assert.deepEqual(seen.map(gist), [progress, progress])
      assert.ok(seen[0].run.recordsProcessed >= 7 && seen[1].run.recordsProcessed === 8)
    }),

  'several subscriptions share a socket': () =>
    withClient(async client => {
      const subscriptions = ['AS400', 'FILEMAKER', 'EXTERNAL'].map(source => {
        const changes = watch(client, { filter: { source: [source] } })
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
      // With nothing under way the client closes its socket, and opens another for what comes next:
      // this fails, too, if the server does not answer the close.
      const made = await result(client, {
        query: `mutation Make($input: CreateSyncRunInput!) {
          createSyncRun(input: $input) { replayed run { id status version } }
        }`,
        variables: { input: { entityType: 'STOCK', source: 'AS400' } },
      })
      assert.equal(made.createSyncRun.replayed, false)
      const read = await result(client, {
        operationName: 'Second',
        query: `query First { __typename }
          query Second($id: ID!) { syncRun(id: $id) { id status version } }`,
        variables: { id: made.createSyncRun.run.id },
      })
      assert.deepEqual(read.syncRun, made.createSyncRun.run)
      assert.deepEqual([read.syncRun.status, read.syncRun.version], ['PENDING', 1])
    }),

  'an invalid document is refused with a code': () =>
    withClient(async (client, messages) => {
      const errors = await refusal(client, messages, { query: 'subscription { syncRunChanged { nothing } }' })
      for (const { extensions } of errors) assert.equal(extensions.code, 'BAD_INPUT')
    }),

  'a bad cursor is refused with a code': () =>
    withClient(async (client, messages) => {
      const [error] = await refusal(client, messages, { query: CHANGES, variables: { after: 'no cursor' } })
      assert.equal(error.extensions.code, 'BAD_CURSOR')
    }),

  'a cursor of a list is no place in the feed': () =>
    withClient(async (client, messages) => {
      await makeMark()
      const { syncRuns } = await request('{ syncRuns(first: 1) { pageInfo { endCursor } } }')
      const after = syncRuns.pageInfo.endCursor
      const [error] = await refusal(client, messages, { query: CHANGES, variables: { after } })
      assert.equal(error.extensions.code, 'BAD_CURSOR')
    }),
})
