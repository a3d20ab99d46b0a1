import { useMemo } from 'preact/hooks';
import { TimeChart } from '../../components/time-chart';
import { fillBuckets, unitOf } from '../../lib/buckets';
import { formatNumber } from '../../lib/format';
import type { Period } from '../../lib/period';

interface Bucket {
  bucketStart: string | null;
  failed: number;
}

/** Failed runs over time. */
export function Trend({ buckets, period, now }: { buckets: readonly Bucket[]; period: Period; now: Date }) {
  const filled = useMemo(() => fillBuckets(buckets, period, now, { bucketStart: null, failed: 0 }), [buckets]);
  const series = useMemo(
    () => [{ label: 'Failed', tone: 'bad' as const, values: filled.map(({ failed }) => failed) }],
    [filled],
  );
  return (
    <div class="trend">
      <TimeChart
        title="Failed runs"
        kind="bars"
        height={120}
        buckets={filled}
        unit={unitOf(period)}
        series={series}
        format={formatNumber}
      />
    </div>
  );
}
