import { useMemo } from 'preact/hooks';
import type { Series } from '../../components/chart';
import { TimeChart } from '../../components/time-chart';
import type { Unit } from '../../lib/buckets';
import { formatDuration, formatNumber } from '../../lib/format';
import type { Bucket } from './documents';

interface Props {
  buckets: Bucket[];
  unit: Unit;
}

const useSeries = (buckets: Bucket[], series: [string, Series['tone'], (bucket: Bucket) => number | null][]) =>
  useMemo(() => series.map(([label, tone, valueOf]) => ({ label, tone, values: buckets.map(valueOf) })), [buckets]);

export function RunsChart(props: Props) {
  const series = useSeries(props.buckets, [
    ['Failed', 'bad', ({ failed }) => failed],
    ['Completed', 'ok', ({ completed }) => completed],
    ['Cancelled', 'off', ({ cancelled }) => cancelled],
  ]);
  return <TimeChart {...props} title="Runs" kind="bars" series={series} format={formatNumber} />;
}

export function DurationsChart(props: Props) {
  const series = useSeries(props.buckets, [
    ['Median', 'run', ({ p50DurationSeconds }) => p50DurationSeconds],
    ['95th percentile', 'late', ({ p95DurationSeconds }) => p95DurationSeconds],
  ]);
  return <TimeChart {...props} title="Duration" kind="lines" isDuration series={series} format={formatDuration} />;
}

const compact = new Intl.NumberFormat('en', { notation: 'compact' });

export function RecordsChart(props: Props) {
  const series = useSeries(props.buckets, [
    ['Processed', 'run', ({ recordsProcessed }) => recordsProcessed],
    ['Failed', 'bad', ({ recordsFailed }) => recordsFailed],
  ]);
  return <TimeChart {...props} title="Records" kind="bars" series={series} format={(value) => compact.format(value)} />;
}
