// Clients that send the hash of a query first fall back to the query, since the server stores none.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql as apolloGql } from '@apollo/client/core'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'
import { createRun, endpoint, report } from './helpers.mjs'

const QUERY = 'query Run($id: ID!) { syncRun(id: $id) { id status } }'
const MUTATION = 'mutation Start($id: ID!) { startSyncRun(runId: $id) { run { status } } }'

/** A `fetch` that records which requests have a query. */
function recording(requests) {
  return (url, options) => {
    const { searchParams } = new URL(url, endpoint)
    const { query } = options.body ? JSON.parse(options.body) : { query: searchParams.get('query') }
    requests.push(`${options.method ?? 'GET'} ${query ? 'query' : 'hash'}`)
    return fetch(url, options)
  }
}

await report('persisted queries', {
  async 'Apollo Client falls back, and then sends queries only'() {
    for (const useGETForHashedQueries of [false, true]) {
      const requests = []
      const sha256 = text => createHash('sha256').update(text).digest('hex')
      const client = new ApolloClient({
        cache: new InMemoryCache(),
        link: ApolloLink.from([
          new PersistedQueryLink({ sha256, useGETForHashedQueries }),
          new HttpLink({ uri: endpoint, fetch: recording(requests) }),
        ]),
      })
      const [one, two] = [await createRun(), await createRun()]
      for (const id of [one, two]) {
        const { data } = await client.query({ query: apolloGql(QUERY), variables: { id } })
        assert.deepEqual([data.syncRun.id, data.syncRun.status], [id, 'PENDING'])
      }
      const { data } = await client.mutate({ mutation: apolloGql(MUTATION), variables: { id: one } })
      assert.equal(data.startSyncRun.run.status, 'RUNNING')
      const hashed = useGETForHashedQueries ? 'GET hash' : 'POST hash'
      assert.deepEqual(requests, [hashed, 'POST query', 'POST query', 'POST query'])
      client.stop()
    }
  },

  async 'urql falls back, and then sends queries only'() {
    for (const preferGetForPersistedQueries of [false, true]) {
      const requests = []
      const client = new Client({
        url: endpoint,
        preferGetMethod: false,
        fetch: recording(requests),
        exchanges: [persistedExchange({ preferGetForPersistedQueries, enableForMutation: true }), fetchExchange],
      })
      const [one, two] = [await createRun(), await createRun()]
      for (const id of [one, two]) {
        const { data, error } = await client.query(QUERY, { id })
        assert.equal(error, undefined)
        assert.deepEqual([data.syncRun.id, data.syncRun.status], [id, 'PENDING'])
      }
      const { data } = await client.mutation(MUTATION, { id: one })
      assert.equal(data.startSyncRun.run.status, 'RUNNING')
      assert.equal(requests.filter(request => request.endsWith('hash')).length, 1, `${requests}`)
    }
  },
})
