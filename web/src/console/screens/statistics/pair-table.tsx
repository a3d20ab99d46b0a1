import { DataTable } from '../../components/data-table';
import { formatDuration, formatNumber, formatPercent } from '../../lib/format';
import { pairLabel } from '../../lib/labels';
import type { Period } from '../../lib/period';
import { href } from '../../router';
import { formatQuery } from '../runs/run-query';
import type { PairFigures } from './documents';

const duration = (seconds: number | null) => (seconds === null ? '–' : formatDuration(seconds));

/** The figures of each pair; those with the most failures first. */
export function PairTable({ pairs, period }: { pairs: readonly PairFigures[]; period: Period }) {
  const sorted = [...pairs].sort((one, other) => other.failed - one.failed || other.runs - one.runs);
  return (
    <section class="panel" aria-label="By entity type and source">
      <div class="panel-head">
        <h2>By entity type and source</h2>
      </div>
      <DataTable
        caption="Figures by entity type and source"
        columns={[
          { title: 'Pair' },
          ...['Runs', 'Failed', 'Success', 'Median', '95th percentile', 'Longest', 'Records', 'Failed records'].map(
            (title) => ({ title, isNumber: true }),
          ),
        ]}
        rows={sorted.flatMap((pair) => {
          const { entityType, source } = pair;
          if (entityType === null || source === null) return [];
          const runs = { entityType: [entityType], source: [source], started: period };
          return [
            [
              <a href={href(formatQuery(runs))}>{pairLabel(entityType, source)}</a>,
              formatNumber(pair.runs),
              pair.failed === 0 ? (
                '0'
              ) : (
                <a class="some" href={href(formatQuery({ ...runs, status: ['FAILED'] }))}>
                  {formatNumber(pair.failed)}
                </a>
              ),
              pair.successRate === null ? '–' : formatPercent(pair.successRate),
              duration(pair.p50DurationSeconds),
              duration(pair.p95DurationSeconds),
              duration(pair.maxDurationSeconds),
              formatNumber(pair.recordsProcessed),
              formatNumber(pair.recordsFailed),
            ],
          ];
        })}
      />
    </section>
  );
}
