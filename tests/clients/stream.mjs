// Live changes over server-sent events, through the client of graphql-sse.

import assert from 'node:assert/strict'
import { createClient } from 'graphql-sse'
import { completeRun, createRun, endpoint, report, request, startRun, within } from './helpers.mjs'

const client = createClient({ url: endpoint, retryAttempts: 0 })

const CHANGES = `
  subscription Changes($after: String) {
    syncRunChanged(after: $after) { kind previousStatus status run { id } }
  }`

const now = async () => (await request('{ syncRuns(first: 1) { feedCursor } }')).syncRuns.feedCursor

/** The changes of one run behind `after`, until `count` have come. */
async function changesOf(runId, after, count) {
  const changes = []
  for await (const { data, errors } of client.iterate({ query: CHANGES, variables: { after } })) {
    assert.equal(errors, undefined)
    const { run, ...change } = data.syncRunChanged
    if (run.id === runId) changes.push(change)
    if (changes.length === count) return changes
  }
  throw new Error('the stream ended by itself')
}

await report('stream', {
  'changes arrive in order': async () => {
    const after = await now()
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

  'a query is answered and completes': async () => {
    const answers = []
    for await (const answer of client.iterate({ query: '{ __typename }' })) answers.push(answer)
    assert.deepEqual(answers, [{ data: { __typename: 'Query' } }])
  },

  'an error arrives with its code': async () => {
    const answers = []
    for await (const answer of client.iterate({ query: '{ nothing }' })) answers.push(answer)
    assert.equal(answers.length, 1)
    assert.equal(answers[0].errors[0].extensions.code, 'BAD_INPUT')
  },
})
