// Graphcache stores objects by type and `id`, joins pages, and adds and removes runs as they change.

import { type Cache, cacheExchange } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import type { ResultOf, VariablesOf } from 'gql.tada'
import { stringifyVariables } from 'urql'
import { positionOf } from '../shared/live'
import type { CHANGES, RUNS } from './operations'

export const cache = cacheExchange({
  // A change has no identity of its own.
  keys: { SyncRunChange: () => null },
  resolvers: { Query: { syncRuns: relayPagination() } },
  updates: {
    Subscription: {
      syncRunChanged(result, subscription, cache) {
        const { syncRunChanged: change } = result as ResultOf<typeof CHANGES>
        for (const { fieldName, fieldKey, arguments: list } of cache.inspectFields('Query')) {
          const isFollowed = stringifyVariables(list?.filter) === stringifyVariables(subscription.filter)
          if (fieldName === 'syncRuns' && isFollowed) applyChange(cache, fieldKey, list ?? {}, change)
        }
      },
    },
  },
})

type Change = ResultOf<typeof CHANGES>['syncRunChanged']

/** Adds the run of a change to a page of a list, or removes it. The rows of runs that stay are updated already. */
function applyChange(cache: Cache, fieldKey: string, list: VariablesOf<typeof RUNS>, change: Change) {
  const page = cache.resolve('Query', fieldKey)
  if (typeof page !== 'string') return
  const nodes = cache.resolve(page, 'nodes') as string[]
  const key = cache.keyOfEntity({ __typename: 'SyncRun', id: change.runId })!
  const others = nodes.filter(node => node !== key)
  if (!change.matchesFilter || !change.run) {
    if (others.length < nodes.length) cache.link(page, 'nodes', others)
    return
  }
  if (nodes.includes(key)) return
  const rows = nodes.map(node => ({
    id: cache.resolve(node, 'id') as string,
    startedAt: cache.resolve(node, 'startedAt') as string,
  }))
  const hasNextPage = cache.resolve(cache.resolve(page, 'pageInfo') as string, 'hasNextPage') as boolean
  const index = positionOf(change.run, rows, list.orderBy?.direction ?? 'DESC', hasNextPage)
  if (index !== undefined) cache.link(page, 'nodes', nodes.toSpliced(index, 0, key))
}
