import { useQuery } from '@apollo/client/react'
import type { ResultOf } from 'gql.tada'
import { useEffect } from 'react'
import { graphql } from '../shared/graphql'
import { positionOf, useFeedPosition } from '../shared/live'
import { Failure, type ListProps, PAGE_SIZE, RunRow, RunTable } from '../shared/ui'

const RUNS = graphql(`
  query Runs($filter: SyncRunFilter, $orderBy: SyncRunOrder, $first: Int, $after: String) {
    syncRuns(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
      edges {
        node { id entityType source status startedAt recordsProcessed }
      }
      pageInfo { hasNextPage endCursor }
      feedCursor
    }
  }
`)

const CHANGES = graphql(`
  subscription Changes($filter: SyncRunFilter, $after: String) {
    syncRunChanged(filter: $filter, kinds: [CREATED, STATUS, PROGRESS, DELETED], after: $after) {
      cursor
      matchesFilter
      runId
      run { id entityType source status startedAt recordsProcessed }
    }
  }
`)

type Runs = NonNullable<ResultOf<typeof RUNS>['syncRuns']>
type Change = ResultOf<typeof CHANGES>['syncRunChanged']

/** Adds or removes the run of a change. The cache updates the rows of runs that stay. */
function applyChange(runs: Runs, { matchesFilter, runId, run }: Change, direction: ListProps['direction']): Runs {
  const isListed = runs.edges.some(({ node }) => node.id === runId)
  if (isListed && !matchesFilter) return { ...runs, edges: runs.edges.filter(({ node }) => node.id !== runId) }
  if (isListed || !matchesFilter || !run) return runs
  const nodes = runs.edges.map(({ node }) => node)
  const index = positionOf(run, nodes, direction, runs.pageInfo.hasNextPage)
  if (index === undefined) return runs
  return { ...runs, edges: runs.edges.toSpliced(index, 0, { node: run }) }
}

export function RunList({ filter, direction, restart }: ListProps) {
  const { data, error, fetchMore, subscribeToMore } = useQuery(RUNS, {
    variables: { filter, orderBy: { field: 'STARTED_AT', direction }, first: PAGE_SIZE },
    // The first page is read from the server, later updates come from the cache.
    fetchPolicy: 'network-only',
    nextFetchPolicy: 'cache-first',
  })
  const runs = data?.syncRuns
  const feed = useFeedPosition(runs?.feedCursor, restart)

  useEffect(() => {
    if (!feed.after) return
    return subscribeToMore({
      document: CHANGES,
      variables: { filter, after: feed.after },
      updateQuery(_, { complete, previousData, subscriptionData }) {
        const change = subscriptionData.data.syncRunChanged
        feed.onChange(change.cursor)
        if (!complete || !previousData.syncRuns) return
        return { syncRuns: applyChange(previousData.syncRuns, change, direction) }
      },
      onError: feed.onError,
    })
  }, [feed])

  if (error) return <Failure error={error} retry={restart} />
  if (!runs) return <p>Loading…</p>
  const { endCursor, hasNextPage } = runs.pageInfo
  return (
    <>
      <RunTable>
        {runs.edges.map(({ node }) => (
          <RunRow key={node.id} run={node} />
        ))}
      </RunTable>
      <button
        disabled={!hasNextPage}
        onClick={() => feed.withReplay(() => fetchMore({ variables: { after: endCursor } }))}
      >
        Load more
      </button>
    </>
  )
}
