import { Component, type ReactNode, Suspense, useEffect, useMemo } from 'react'
import {
  type PreloadedQuery,
  graphql,
  useFragment,
  usePaginationFragment,
  usePreloadedQuery,
  useQueryLoader,
  useSubscription,
} from 'react-relay'
import { useFeedPosition } from '../shared/live'
import { Failure, type ListProps, PAGE_SIZE, RunRow, RunTable } from '../shared/ui'
import type { RunListChangesSubscription } from './__generated__/RunListChangesSubscription.graphql'
import type { RunListPageQuery } from './__generated__/RunListPageQuery.graphql'
import type { RunListQuery } from './__generated__/RunListQuery.graphql'
import type { RunList_query$key } from './__generated__/RunList_query.graphql'
import type { RunList_run$key } from './__generated__/RunList_run.graphql'
import { updaterOf } from './updater'

const RUNS = graphql`
  query RunListQuery($filter: SyncRunFilter, $orderBy: SyncRunOrder, $first: Int) {
    ...RunList_query
  }
`

const PAGE = graphql`
  fragment RunList_query on Query
  @argumentDefinitions(after: { type: "String" })
  @refetchable(queryName: "RunListPageQuery") {
    syncRuns(filter: $filter, orderBy: $orderBy, first: $first, after: $after)
      @connection(key: "RunList_syncRuns", filters: ["filter", "orderBy"]) {
      __id
      edges {
        node {
          id
          startedAt
          ...RunList_run
        }
      }
      feedCursor
    }
  }
`

const RUN = graphql`
  fragment RunList_run on SyncRun {
    id
    entityType
    source
    status
    startedAt
    recordsProcessed
  }
`

const CHANGES = graphql`
  subscription RunListChangesSubscription($filter: SyncRunFilter, $after: String) {
    syncRunChanged(filter: $filter, kinds: [CREATED, STATUS, PROGRESS, DELETED], after: $after) {
      cursor
      matchesFilter
      runId
      run {
        id
        startedAt
        ...RunList_run
      }
    }
  }
`

export function RunList(props: ListProps) {
  const [query, loadQuery] = useQueryLoader<RunListQuery>(RUNS)
  const { filter, direction, restart } = props
  useEffect(() => {
    const variables = { filter, orderBy: { field: 'STARTED_AT' as const, direction }, first: PAGE_SIZE }
    loadQuery(variables, { fetchPolicy: 'network-only' })
  }, [])
  const loading = <p>Loading…</p>
  if (!query) return loading
  return (
    <Boundary restart={restart}>
      <Suspense fallback={loading}>
        <Runs {...props} query={query} />
      </Suspense>
    </Boundary>
  )
}

function Runs({ filter, direction, restart, query }: ListProps & { query: PreloadedQuery<RunListQuery> }) {
  const runs = usePreloadedQuery<RunListQuery>(RUNS, query)
  const { data, hasNext, loadNext } = usePaginationFragment<RunListPageQuery, RunList_query$key>(PAGE, runs)
  const { __id: list, edges, feedCursor } = data.syncRuns!
  const feed = useFeedPosition(feedCursor, restart)

  const changes = useMemo(
    () => ({
      subscription: CHANGES,
      variables: { filter, after: feed.after },
      updater: updaterOf(list, direction),
      onNext: (response: RunListChangesSubscription['response'] | null | undefined) =>
        response && feed.onChange(response.syncRunChanged.cursor),
      onError: feed.onError,
    }),
    [feed, list],
  )
  useSubscription<RunListChangesSubscription>(changes)

  const loadPage = () => new Promise(done => loadNext(PAGE_SIZE, { onComplete: done }))
  return (
    <>
      <RunTable>
        {edges.map(({ node }) => (
          <Row key={node.id} run={node} />
        ))}
      </RunTable>
      <button disabled={!hasNext} onClick={() => feed.withReplay(loadPage)}>
        Load more
      </button>
    </>
  )
}

function Row({ run }: { run: RunList_run$key }) {
  return <RunRow run={useFragment(RUN, run)} />
}

/** Shows an error of the list. */
class Boundary extends Component<{ restart: () => void; children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {}

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override render() {
    const { error } = this.state
    return error ? <Failure error={error} retry={this.props.restart} /> : this.props.children
  }
}
