import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import type { ChartProps, Tone } from '../components/chart';

/** Returns the value of a colour of the style sheet, which a canvas cannot read by itself. */
function colorOf(element: HTMLElement, name: Tone | 'muted' | 'line'): string {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Steps of an axis of durations, in seconds: those of clocks. */
const DURATION_STEPS = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
  ...[1, 2, 3, 6, 12, 24, 48, 96].map((hours) => hours * 3600),
];

/** Steps of other axes: whole numbers. */
const COUNT_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** Returns each series with those below it added. */
function stack(series: ChartProps['series']): (number | null)[][] {
  const sums: number[] = [];
  return series.map(({ values }) =>
    values.map((value, index) => {
      sums[index] = (sums[index] ?? 0) + (value ?? 0);
      return sums[index] ?? 0;
    }),
  );
}

export function draw(
  element: HTMLElement,
  height: number,
  { times, series, kind, format, isDuration }: ChartProps,
  onIndex: (index: number | null) => void,
): uPlot {
  const isStacked = kind === 'bars';
  const values = isStacked ? stack(series) : series.map((one) => [...one.values]);
  const bars = uPlot.paths.bars?.({ size: [0.75, 40], align: 0 });
  const drawn = series.map((one, index) => {
    const color = colorOf(element, one.tone);
    const style: uPlot.Series = isStacked
      ? { fill: color, width: 0, points: { show: false }, ...(bars && { paths: bars }) }
      : { stroke: color, width: 2, points: { size: 5, fill: color } };
    return { data: values[index] ?? [], style };
  });
  // The highest bars are drawn first, and partly covered by those below them.
  if (isStacked) drawn.reverse();
  const axis = { stroke: colorOf(element, 'muted'), font: '12px system-ui', ticks: { show: false } };
  const half = isStacked ? ((times[1] ?? 0) - (times[0] ?? 0)) / 2 : 0;
  const grid = { stroke: colorOf(element, 'line'), width: 1 };
  const options: uPlot.Options = {
    width: element.clientWidth,
    height,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: !isStacked } },
    scales: {
      // Bars begin and end within the chart.
      x: { range: (_, min, max) => [min - half, max + half] },
      y: { range: (_, __, max) => [0, Math.max(max * 1.05, 1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 28, values: formatTicks },
      { ...axis, grid, size: 62, incrs: isDuration ? DURATION_STEPS : COUNT_STEPS, values: (_, ticks) => ticks.map((tick) => (tick === 0 ? '0' : format(tick))) },
    ],
    series: [{}, ...drawn.map(({ style }) => style)],
    hooks: { setCursor: [({ cursor }) => onIndex(cursor.idx ?? null)] },
  };
  return new uPlot(options, [[...times], ...drawn.map(({ data }) => data)], element);
}

const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

const formatTicks = (_: uPlot, ticks: number[]) =>
  ticks.map((tick) => {
    const time = new Date(tick * 1000);
    return time.getHours() === 0 && time.getMinutes() === 0 ? day.format(time) : hour.format(time);
  });
