import { useMemo } from 'preact/hooks';
import type { Unit } from '../lib/buckets';
import { Chart, type ChartProps, type Series } from './chart';
import { DataTable } from './data-table';

interface Props {
  title: string;
  kind: ChartProps['kind'];
  isDuration?: boolean;
  height?: number;
  buckets: readonly { bucketStart: string | null }[];
  unit: Unit;
  series: readonly Series[];
  format: (value: number) => string;
}

const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });
const hour = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** A chart over time, with its numbers as a table. */
export function TimeChart({ title, kind, isDuration = false, height = 180, buckets, unit, series, format }: Props) {
  const times = useMemo(() => buckets.map(({ bucketStart }) => Date.parse(bucketStart ?? '') / 1000), [buckets]);
  const formatTime = (seconds: number) => (unit === 'HOUR' ? hour : day).format(new Date(seconds * 1000));
  const caption = `${title} by ${unit.toLowerCase()}`;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <Chart
        label={`${caption}; the numbers are in the table below`}
        kind={kind}
        isDuration={isDuration}
        height={height}
        times={times}
        series={series}
        format={format}
        formatTime={formatTime}
      />
      <details class="numbers">
        <summary>Numbers</summary>
        <DataTable
          caption={caption}
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
