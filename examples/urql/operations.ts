import { graphql } from '../shared/graphql'

export const RUNS = graphql(`
  query Runs($filter: SyncRunFilter, $orderBy: SyncRunOrder, $first: Int, $after: String) {
    syncRuns(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
      nodes { id entityType source status startedAt recordsProcessed }
      pageInfo { hasNextPage endCursor }
      feedCursor
    }
  }
`)

export const CHANGES = graphql(`
  subscription Changes($filter: SyncRunFilter, $after: String) {
    syncRunChanged(filter: $filter, kinds: [CREATED, STATUS, PROGRESS, DELETED], after: $after) {
      cursor
      matchesFilter
      runId
      run { id entityType source status startedAt recordsProcessed }
    }
  }
`)
