import { useMemo } from 'preact/hooks';
import { Chart, type ChartProps, type Series } from '../../components/chart';
import { DataTable } from '../../components/data-table';
import { formatDuration, formatNumber } from '../../lib/format';
import type { Unit } from './buckets';
import type { Bucket } from './documents';

interface Props {
  buckets: Bucket[];
  unit: Unit;
}

interface SectionProps extends Props {
  title: string;
  kind: ChartProps['kind'];
  isDuration?: boolean;
  series: readonly Series[];
  format: (value: number) => string;
}

const hour = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });

/** A chart with its numbers as a table. */
function Section({ title, kind, isDuration = false, series, format, buckets, unit }: SectionProps) {
  const times = useMemo(() => buckets.map(({ bucketStart }) => Date.parse(bucketStart ?? '') / 1000), [buckets]);
  const formatTime = (seconds: number) => (unit === 'HOUR' ? hour : day).format(new Date(seconds * 1000));
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <Chart
        label={`${title} by ${unit.toLowerCase()}; the numbers are in the table below`}
        kind={kind}
        isDuration={isDuration}
        times={times}
        series={series}
        format={format}
        formatTime={formatTime}
      />
      <details class="numbers">
        <summary>Numbers</summary>
        <DataTable
          caption={`${title} by ${unit.toLowerCase()}`}
          columns={[
            { title: unit === 'HOUR' ? 'Hour' : 'Day' },
            ...series.map(({ label }) => ({ title: label, isNumber: true })),
          ]}
          rows={times.map((time, index) => [
            formatTime(time),
            ...series.map(({ values }) => {
              const value = values[index];
              return typeof value === 'number' ? format(value) : '–';
            }),
          ])}
        />
      </details>
    </section>
  );
}

const useSeries = (buckets: Bucket[], series: [string, Series['tone'], (bucket: Bucket) => number | null][]) =>
  useMemo(() => series.map(([label, tone, valueOf]) => ({ label, tone, values: buckets.map(valueOf) })), [buckets]);

export function RunsChart(props: Props) {
  const series = useSeries(props.buckets, [
    ['Failed', 'bad', ({ failed }) => failed],
    ['Completed', 'ok', ({ completed }) => completed],
    ['Cancelled', 'off', ({ cancelled }) => cancelled],
  ]);
  return <Section {...props} title="Runs" kind="bars" series={series} format={formatNumber} />;
}

export function DurationsChart(props: Props) {
  const series = useSeries(props.buckets, [
    ['Median', 'run', ({ p50DurationSeconds }) => p50DurationSeconds],
    ['95th percentile', 'late', ({ p95DurationSeconds }) => p95DurationSeconds],
  ]);
  return <Section {...props} title="Duration" kind="lines" isDuration series={series} format={formatDuration} />;
}

const compact = new Intl.NumberFormat('en', { notation: 'compact' });

export function RecordsChart(props: Props) {
  const series = useSeries(props.buckets, [
    ['Processed', 'run', ({ recordsProcessed }) => recordsProcessed],
    ['Failed', 'bad', ({ recordsFailed }) => recordsFailed],
  ]);
  return <Section {...props} title="Records" kind="bars" series={series} format={(value) => compact.format(value)} />;
}
