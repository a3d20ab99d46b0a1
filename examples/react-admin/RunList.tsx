import { useListContext } from 'ra-core'
import { Controls, Failure, type Run, RunRow, RunTable } from '../shared/ui'
import { useLiveList } from './useLiveList'

/** The list's content. react-admin keeps filter, order and page in the URL. */
export function RunList() {
  const { data, error, filterValues, hasNextPage, hasPreviousPage, page, refetch, setFilters, setPage, setSort, sort, total } =
    useListContext<Run>()
  useLiveList()
  return (
    <>
      <Controls
        choice={filterValues}
        onChoice={setFilters}
        direction={sort.order}
        onDirection={order => setSort({ field: 'startedAt', order })}
      />
      {error && <Failure error={error} retry={refetch} />}
      <RunTable>
        {data?.map(run => (
          <RunRow key={run.id} run={run} />
        ))}
      </RunTable>
      <p>
        <button disabled={!hasPreviousPage} onClick={() => setPage(page - 1)}>
          Previous
        </button>
        <button disabled={!hasNextPage} onClick={() => setPage(page + 1)}>
          Next
        </button>
        {total} runs
      </p>
    </>
  )
}
