import { graphql, type ResultOf } from '../../api/graphql';

const FIGURES = graphql(`
  fragment Figures on SyncRunStats {
    runs
    completed
    failed
    cancelled
    successRate
    p50DurationSeconds
    p95DurationSeconds
    maxDurationSeconds
    recordsProcessed
    recordsFailed
  }
`);

export const STATISTICS = graphql(
  `
    query Statistics($filter: SyncRunFilter!, $bucket: TimeBucket!, $timeZone: String!) {
      total: syncRunStats(filter: $filter) { ...Figures }
      buckets: syncRunStats(filter: $filter, bucket: $bucket, timeZone: $timeZone) {
        bucketStart
        ...Figures
      }
      pairs: syncRunStats(filter: $filter, groupBy: [ENTITY_TYPE, SOURCE]) {
        entityType
        source
        ...Figures
      }
      hours: syncRunStats(filter: $filter, bucket: HOUR, timeZone: $timeZone) {
        bucketStart
        runs
        failed
      }
    }
  `,
  [FIGURES],
);

type Data = ResultOf<typeof STATISTICS>;
export type Figures = NonNullable<Data['total']>[number];
export type Bucket = NonNullable<Data['buckets']>[number];
export type PairFigures = NonNullable<Data['pairs']>[number];
export type Hour = NonNullable<Data['hours']>[number];

export const EMPTY_BUCKET: Bucket = {
  bucketStart: null,
  runs: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  successRate: null,
  p50DurationSeconds: null,
  p95DurationSeconds: null,
  maxDurationSeconds: null,
  recordsProcessed: 0,
  recordsFailed: 0,
};
