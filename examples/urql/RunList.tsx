import { useEffect } from 'react'
import { useClient, useQuery } from 'urql'
import { useFeedPosition } from '../shared/live'
import { Failure, type ListProps, PAGE_SIZE, RunRow, RunTable } from '../shared/ui'
import { CHANGES, RUNS } from './operations'

export function RunList({ filter, direction, restart }: ListProps) {
  const client = useClient()
  const variables = { filter, orderBy: { field: 'STARTED_AT' as const, direction }, first: PAGE_SIZE }
  // The first page is read from the server, later updates come from the cache.
  const [{ data, error }] = useQuery({ query: RUNS, variables, requestPolicy: 'network-only' })
  const runs = data?.syncRuns
  const feed = useFeedPosition(runs?.feedCursor, restart)

  // `useSubscription` would not subscribe again from the same cursor.
  useEffect(() => {
    if (!feed.after) return
    const changes = client.subscription(CHANGES, { filter, after: feed.after })
    const { unsubscribe } = changes.subscribe(({ data, error }) => {
      if (data) feed.onChange(data.syncRunChanged.cursor)
      if (error) feed.onError()
    })
    return unsubscribe
  }, [feed])

  // The cache joins the page to those that are shown.
  const loadPage = (after: string) =>
    client.query(RUNS, { ...variables, after }, { requestPolicy: 'network-only' }).toPromise()

  if (error && !runs) return <Failure error={error} retry={restart} />
  if (!runs) return <p>Loading…</p>
  const { endCursor, hasNextPage } = runs.pageInfo
  return (
    <>
      <RunTable>
        {runs.nodes.map(run => (
          <RunRow key={run.id} run={run} />
        ))}
      </RunTable>
      <button disabled={!hasNextPage} onClick={() => feed.withReplay(() => loadPage(endCursor!))}>
        Load more
      </button>
    </>
  )
}
