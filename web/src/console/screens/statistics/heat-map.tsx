import { useMemo } from 'preact/hooks';
import { DataTable } from '../../components/data-table';
import { formatCount } from '../../lib/format';
import type { Hour } from './documents';

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

interface Cell {
  runs: number;
  failed: number;
}

/** When runs start, by day of the week and hour; a mark shows where runs failed. */
export function HeatMap({ hours }: { hours: readonly Hour[] }) {
  const cells = useMemo(() => sum(hours), [hours]);
  const most = Math.max(1, ...cells.flat().map(({ runs }) => runs));
  return (
    <section aria-label="Week">
      <h2>Week</h2>
      <p class="legend">
        <span>
          <i class="swatch run" />
          Runs by hour, up to {most}
        </span>
        <span>
          <i class="swatch bad small" />
          with failures
        </span>
      </p>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Runs by day of the week and hour">
        <table class="heat">
          <caption class="hidden">Runs by day of the week and hour</caption>
          <thead>
            <tr>
              <td />
              {HOURS.map((hour) => (
                <th key={hour} scope="col">
                  <span class={hour % 3 === 0 ? undefined : 'hidden'}>{hour}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {cells.map((row, day) => (
              <tr key={day}>
                <th scope="row">{DAYS[day]}</th>
                {row.map((cell, hour) => (
                  <HeatCell key={hour} cell={cell} share={cell.runs / most} time={`${DAYS[day]} ${hour}:00`} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <details class="numbers">
        <summary>Numbers</summary>
        <DataTable
          caption="Runs and failures by day of the week and hour"
          columns={[{ title: 'Hour' }, ...DAYS.map((title) => ({ title, isNumber: true }))]}
          rows={HOURS.map((hour) => [
            `${hour}:00`,
            ...cells.map((row) => {
              const { runs, failed } = row[hour] ?? { runs: 0, failed: 0 };
              return failed === 0 ? runs : `${runs} (${failed} failed)`;
            }),
          ])}
        />
      </details>
    </section>
  );
}

function HeatCell({ cell: { runs, failed }, share, time }: { cell: Cell; share: number; time: string }) {
  // Even a single run is visible.
  const strength = runs === 0 ? 0 : Math.round(12 + 78 * share);
  return (
    <td
      style={{ background: `color-mix(in srgb, var(--run) ${strength}%, var(--cell))` }}
      title={`${time}: ${formatCount(runs, 'run')}, ${failed} failed`}
      class={failed > 0 ? 'with-failures' : undefined}
    >
      <span class="number">{runs}</span>
    </td>
  );
}

/** Adds up hours of the same day of the week, in the viewer's zone. Weeks start on Monday. */
function sum(hours: readonly Hour[]): Cell[][] {
  const cells = DAYS.map(() => HOURS.map(() => ({ runs: 0, failed: 0 })));
  for (const { bucketStart, runs, failed } of hours) {
    const time = new Date(bucketStart ?? '');
    const cell = cells[(time.getDay() + 6) % 7]?.[time.getHours()];
    if (cell === undefined) continue;
    cell.runs += runs;
    cell.failed += failed;
  }
  return cells;
}
