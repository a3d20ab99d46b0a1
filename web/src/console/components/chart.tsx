import type uPlot from 'uplot';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useStore } from '../lib/store';
import { theme } from '../lib/theme';
import { useMedia } from '../lib/use-media';

export type Tone = 'ok' | 'bad' | 'late' | 'run' | 'off';

export interface Series {
  label: string;
  tone: Tone;
  values: readonly (number | null)[];
}

export interface ChartProps {
  /** What the chart shows, for those who do not see it. */
  label: string;
  /** Starts of the buckets, in seconds. */
  times: readonly number[];
  series: readonly Series[];
  kind: 'bars' | 'lines';
  isDuration?: boolean;
  /** In pixels. */
  height: number;
  format: (value: number) => string;
  formatTime: (seconds: number) => string;
}

/** A time series. Bars are stacked, the first series at the bottom. */
export function Chart(props: ChartProps) {
  const { label, times, series, height, format, formatTime } = props;
  const root = useRef<HTMLDivElement>(null);
  const [index, setIndex] = useState<number | null>(null);
  const scheme = `${useStore(theme)} ${useMedia('(prefers-color-scheme: dark)')}`;

  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    let plot: uPlot | undefined;
    let isCurrent = true;
    const resize = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height }));
    // Loaded with the first chart.
    void import('../lib/plot').then(({ draw }) => {
      if (!isCurrent) return;
      plot = draw(element, height, props, setIndex);
      resize.observe(element);
    });
    return () => {
      isCurrent = false;
      resize.disconnect();
      plot?.destroy();
    };
  }, [times, series, scheme]);

  const time = index === null ? undefined : times[index];
  return (
    <>
      <p class="legend">
        {series.map((one) => {
          const value = index === null ? undefined : one.values[index];
          return (
            <span key={one.label}>
              <i class={`swatch ${one.tone}`} />
              {one.label} {typeof value === 'number' && <b>{format(value)}</b>}
            </span>
          );
        })}
        <span class="at">{time === undefined ? '' : formatTime(time)}</span>
      </p>
      <div class="chart" ref={root} role="img" aria-label={label} style={{ height: `${height}px` }} />
    </>
  );
}
