import { useTable } from '@refinedev/core'
import { graphql } from '../shared/graphql'
import { Controls, Failure, PAGE_SIZE, type Run, RunRow, RunTable } from '../shared/ui'

const RUNS = graphql(`
  query Runs($filter: SyncRunFilter, $orderBy: SyncRunOrder, $first: Int, $offset: Int) {
    syncRuns(filter: $filter, orderBy: $orderBy, first: $first, offset: $offset) {
      nodes { id entityType source status startedAt recordsProcessed }
      totalCount
    }
  }
`)

export function RunList() {
  const { currentPage, filters, pageCount, result, setCurrentPage, setFilters, setSorters, sorters, tableQuery } = useTable<Run>({
    resource: 'syncRuns',
    meta: { gqlQuery: RUNS },
    pagination: { pageSize: PAGE_SIZE },
    sorters: { initial: [{ field: 'startedAt', order: 'desc' }] },
    liveMode: 'auto',
  })
  const choice = Object.fromEntries(filters.flatMap(filter => ('field' in filter ? [[filter.field, filter.value]] : [])))
  return (
    <>
      <Controls
        choice={choice}
        onChoice={({ status, source }) => {
          setFilters([
            { field: 'status', operator: 'eq', value: status },
            { field: 'source', operator: 'eq', value: source },
          ])
          setCurrentPage(1)
        }}
        direction={sorters[0]?.order === 'asc' ? 'ASC' : 'DESC'}
        onDirection={direction => {
          setSorters([{ field: 'startedAt', order: direction === 'ASC' ? 'asc' : 'desc' }])
          setCurrentPage(1)
        }}
      />
      {tableQuery.error && <Failure error={tableQuery.error} retry={tableQuery.refetch} />}
      <RunTable>
        {result.data.map(run => (
          <RunRow key={run.id} run={run} />
        ))}
      </RunTable>
      <p>
        <button disabled={currentPage <= 1} onClick={() => setCurrentPage(currentPage - 1)}>
          Previous
        </button>
        <button disabled={currentPage >= pageCount} onClick={() => setCurrentPage(currentPage + 1)}>
          Next
        </button>
        {result.total} runs
      </p>
    </>
  )
}
