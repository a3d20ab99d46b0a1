import { graphql, type ResultOf } from '../../api/graphql';

const RUN_ROW = graphql(`
  fragment RunRow on SyncRun {
    id
    entityType
    source
    status
    startedAt
    completedAt
    durationSeconds
    recordsProcessed
    recordsCreated
    recordsUpdated
    recordsFailed
    recordsExpected
    progress
    errorMessage
    triggeredBy { id fullName }
    version
  }
`);

export type RunRow = ResultOf<typeof RUN_ROW>;

export const RUN_LIST = graphql(
  `
    query RunList($filter: SyncRunFilter, $orderBy: SyncRunOrder, $first: Int!, $after: String) {
      syncRuns(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
        feedCursor
        pageInfo { hasNextPage endCursor }
        nodes { ...RunRow }
      }
    }
  `,
  [RUN_ROW],
);

export const RUN_CHANGES = graphql(
  `
    subscription RunChanges($filter: SyncRunFilter, $after: String) {
      syncRunChanged(filter: $filter, kinds: [CREATED, STATUS, PROGRESS, DELETED], after: $after) {
        cursor
        kind
        previousStatus
        matchesFilter
        runId
        run { ...RunRow }
      }
    }
  `,
  [RUN_ROW],
);

export type RunChange = ResultOf<typeof RUN_CHANGES>['syncRunChanged'];

/** How many runs have each status, up to a number that is quick to count. */
export const RUN_COUNTS = graphql(`
  query RunCounts(
    $all: SyncRunFilter
    $pending: SyncRunFilter
    $running: SyncRunFilter
    $failed: SyncRunFilter
    $completed: SyncRunFilter
    $cancelled: SyncRunFilter
  ) {
    all: syncRuns(filter: $all, first: 0) { totalCount }
    pending: syncRuns(filter: $pending, first: 0) { totalCount }
    running: syncRuns(filter: $running, first: 0) { totalCount }
    failed: syncRuns(filter: $failed, first: 0) { totalCount }
    completed: syncRuns(filter: $completed, first: 0) { totalCount }
    cancelled: syncRuns(filter: $cancelled, first: 0) { totalCount }
  }
`);

/** The same, by reading all runs that match: faster where there is no index to count by. */
export const RUN_STATISTICS = graphql(`
  query RunStatistics($filter: SyncRunFilter) {
    syncRunStats(filter: $filter) {
      runs
      pending
      running
      failed
      completed
      cancelled
    }
  }
`);

/** What `totalCount` returns for that many runs or more. */
export const MAX_COUNT = 10_000;

export const USERS = graphql(`
  query Users($search: String) {
    users(search: $search, first: 20) {
      nodes { id fullName email }
    }
  }
`);

export const USER_NAMES = graphql(`
  query UserNames($ids: [ID!]!) {
    nodes(ids: $ids) {
      __typename
      ... on User { id fullName }
    }
  }
`);
