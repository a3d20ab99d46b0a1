import { graphql, type ResultOf } from '../../api/graphql';

const FRESHNESS_CELL = graphql(`
  fragment FreshnessCell on SyncFreshness {
    entityType
    source
    state
    lastSuccess { id completedAt }
    expectedIntervalSeconds
    consecutiveFailures
    lateAt
  }
`);

export type FreshnessCell = ResultOf<typeof FRESHNESS_CELL>;
export type FreshnessState = FreshnessCell['state'];

export const FRESHNESS = graphql(
  `
    query Freshness {
      syncFreshness { ...FreshnessCell }
    }
  `,
  [FRESHNESS_CELL],
);

/** First the present state of every pair, then each change. */
export const FRESHNESS_CHANGED = graphql(
  `
    subscription FreshnessChanged {
      syncFreshnessChanged { ...FreshnessCell }
    }
  `,
  [FRESHNESS_CELL],
);

export const PAIR_HISTORY = graphql(`
  query PairHistory($entityType: SyncEntityType!, $source: SyncSource!) {
    syncRuns(filter: { entityType: [$entityType], source: [$source] }, first: 12) {
      nodes {
        id
        status
        startedAt
        durationSeconds
        recordsProcessed
        recordsExpected
        progress
      }
    }
  }
`);

export type PastRun = NonNullable<ResultOf<typeof PAIR_HISTORY>['syncRuns']>['nodes'][number];

/** Says which pairs have runs that have begun or ended. */
export const PAIR_CHANGES = graphql(`
  subscription PairChanges {
    syncRunChanged(kinds: [CREATED, STATUS, DELETED]) {
      run { entityType source }
    }
  }
`);
