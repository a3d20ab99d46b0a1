import { graphql, type ResultOf } from '../../api/graphql';

export const FAILURE_GROUPS = graphql(`
  query FailureGroups($filter: SyncRunFilter!, $first: Int!, $bucket: TimeBucket!, $timeZone: String!) {
    syncFailureGroups(filter: $filter, first: $first) {
      runsRead
      isComplete
      groups {
        fingerprint
        message
        runs
        firstFailedAt
        lastFailedAt
        pairs { entityType source }
        sampleRun { id errorMessage startedAt }
      }
    }
    trend: syncRunStats(filter: $filter, bucket: $bucket, timeZone: $timeZone) {
      bucketStart
      failed
    }
  }
`);

type Groups = NonNullable<ResultOf<typeof FAILURE_GROUPS>['syncFailureGroups']>;
export type FailureGroup = Groups['groups'][number];

/** How often a failure has occurred, over time. */
export const FAILURE_TREND = graphql(`
  query FailureTrend($filter: SyncRunFilter!, $bucket: TimeBucket!, $timeZone: String!) {
    syncRunStats(filter: $filter, bucket: $bucket, timeZone: $timeZone) {
      bucketStart
      failed
    }
  }
`);
