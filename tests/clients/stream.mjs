// Subscriptions over server-sent events, with the client graphql-sse.

import assert from 'node:assert/strict'
import { createClient } from 'graphql-sse'
import { completeRun, createRun, endpoint, report, request, startRun, within } from './helpers.mjs'

const client = createClient({ url: endpoint, retryAttempts: 0 })

const CHANGES = `
  subscription Changes($after: String) {
    syncRunChanged(after: $after) { kind previousStatus status run { id } }
  }`

const feedCursor = async () => (await request('{ syncRuns(first: 1) { feedCursor } }')).syncRuns.feedCursor

/** The first `count` changes of one run after a cursor. */
async function changesOf(runId, after, count) {
  const changes = []
  for await (const { data, errors } of client.iterate({ query: CHANGES, variables: { after } })) {
    assert.equal(errors, undefined)
    const { run, ...change } = data.syncRunChanged
    if (run.id === runId) changes.push(change)
    if (changes.length === count) return changes
  }
  throw new Error('the stream ended')
}

await report('stream', {
  'changes arrive in order': async () => {
    const after = await feedCursor()
    const runId = await createRun()
    const changes = within(changesOf(runId, after, 3), 'three changes')
    await startRun(runId)
    await completeRun(runId)
    assert.deepEqual(await changes, [
      { kind: 'CREATED', previousStatus: null, status: 'PENDING' },
      { kind: 'STATUS', previousStatus: 'PENDING', status: 'RUNNING' },
      { kind: 'STATUS', previousStatus: 'RUNNING', status: 'COMPLETED' },
    ])
  },

  'a query returns a response and completes': async () => {
    const responses = []
    for await (const response of client.iterate({ query: '{ __typename }' })) responses.push(response)
    assert.deepEqual(responses, [{ data: { __typename: 'Query' } }])
  },

  'an error arrives with its code': async () => {
    const responses = []
    for await (const response of client.iterate({ query: '{ nothing }' })) responses.push(response)
    assert.equal(responses.length, 1)
    assert.equal(responses[0].errors[0].extensions.code, 'BAD_INPUT')
  },
})
