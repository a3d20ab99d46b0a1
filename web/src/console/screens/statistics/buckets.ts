import { type Period, startOf } from '../../lib/period';
import type { Bucket } from './documents';

export type Unit = 'HOUR' | 'DAY';

/** Returns one entry per bucket of the period: the API leaves out those without runs. */
export function fillBuckets(buckets: readonly Bucket[], unit: Unit, now: Date, period: Period): Bucket[] {
  const known = new Map(buckets.map((bucket) => [Date.parse(bucket.bucketStart ?? ''), bucket]));
  const filled: Bucket[] = [];
  const time = startOf(period, now);
  time.setMinutes(0, 0, 0);
  if (unit === 'DAY') time.setHours(0);
  while (time <= now) {
    filled.push(known.get(time.getTime()) ?? { ...EMPTY, bucketStart: time.toISOString() });
    if (unit === 'DAY') time.setDate(time.getDate() + 1);
    else time.setTime(time.getTime() + 3_600_000);
  }
  return filled;
}

const EMPTY: Bucket = {
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
