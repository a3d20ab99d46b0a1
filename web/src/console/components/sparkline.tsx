import type { Status } from '../api/graphql';
import { formatDuration } from '../lib/format';
import { isOpen, statusLabel } from '../lib/labels';

interface Bar {
  status: Status;
  durationSeconds: number | null;
}

const BARS = 12;
const WIDTH = 4;
const STEP = 6;
const HEIGHT = 18;

const TONES: Record<Status, string> = {
  PENDING: 'off',
  RUNNING: 'run',
  COMPLETED: 'ok',
  FAILED: 'bad',
  CANCELLED: 'off',
  UNKNOWN: 'off',
};

/** Recent runs, the newest at the right, as high as they were long. Failed ones are full bars with a gap. */
export function Sparkline({ runs }: { runs: readonly Bar[] }) {
  const bars = runs.slice(0, BARS).reverse();
  const longest = Math.max(0.001, ...bars.map(({ durationSeconds }) => durationSeconds ?? 0));
  const offset = (BARS - bars.length) * STEP;
  return (
    <svg class="sparkline" viewBox={`0 0 ${BARS * STEP} ${HEIGHT}`} role="img" aria-label={describe(bars)}>
      {bars.map(({ status, durationSeconds }, index) => {
        const isFull = status === 'FAILED' || isOpen(status);
        const height = isFull ? HEIGHT : Math.max(3, Math.round((HEIGHT * (durationSeconds ?? 0)) / longest));
        const x = offset + index * STEP;
        return (
          <g key={index} class={TONES[status]}>
            <title>
              {statusLabel(status)}
              {durationSeconds !== null && `, ${formatDuration(durationSeconds)}`}
            </title>
            {status === 'FAILED' ? (
              <path d={`M${x} 0h${WIDTH}v11h-${WIDTH}zM${x} 14h${WIDTH}v4h-${WIDTH}z`} />
            ) : (
              <rect x={x} y={HEIGHT - height} width={WIDTH} height={height} rx="1" />
            )}
          </g>
        );
      })}
    </svg>
  );
}

function describe(bars: readonly Bar[]) {
  const counts = new Map<Status, number>();
  for (const { status } of bars) counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = [...counts].map(([status, count]) => `${count} ${statusLabel(status).toLowerCase()}`);
  return `Last ${bars.length} runs: ${parts.join(', ')}`;
}
