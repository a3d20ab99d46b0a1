import { type Period, PERIODS, startOf } from './period';

export type Unit = 'HOUR' | 'DAY';

/** The buckets in which a period is shown. */
export const unitOf = (period: Period): Unit => (PERIODS[period] <= 48 ? 'HOUR' : 'DAY');

interface Started {
  bucketStart: string | null;
}

/** Returns one entry per bucket of a period that ends now: the API leaves out those without runs. */
export function fillBuckets<T extends Started>(buckets: readonly T[], period: Period, now: Date, empty: T): T[] {
  const known = new Map(buckets.map((bucket) => [Date.parse(bucket.bucketStart ?? ''), bucket]));
  const filled: T[] = [];
  const unit = unitOf(period);
  const time = startOf(period, now);
  time.setMinutes(0, 0, 0);
  if (unit === 'DAY') time.setHours(0);
  while (time <= now) {
    filled.push(known.get(time.getTime()) ?? { ...empty, bucketStart: time.toISOString() });
    if (unit === 'DAY') time.setDate(time.getDate() + 1);
    else time.setTime(time.getTime() + 3_600_000);
  }
  return filled;
}
