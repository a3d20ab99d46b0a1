import { ErrorNotice, Skeleton } from '../../components/states';
import { formatCount } from '../../lib/format';
import { ENTITY_TYPES, entityTypeLabel, pairLabel, SOURCES, sourceLabel } from '../../lib/labels';
import { NARROW, useMedia } from '../../lib/use-media';
import { href } from '../../router';
import { ReportingHelp } from '../runs/empty-state';
import { formatQuery } from '../runs/run-query';
import { Cell, STATES } from './cell';
import type { FreshnessCell } from './documents';
import { keyOf, type PairSignals, usePairSignals } from './pair-signals';
import { useFreshness } from './use-freshness';

/** The most urgent first. */
const URGENCY = ['STALE', 'LATE', 'NEVER', 'FRESH'] as const;

const isUrgent = ({ state }: FreshnessCell) => state === 'STALE' || state === 'LATE';

/** Whether each pair of entity type and source is as fresh as it usually is. */
export function FreshnessScreen() {
  const signals = usePairSignals();
  const { cells, error, reload } = useFreshness();
  const isNarrow = useMedia(NARROW);
  const all = [...(cells?.values() ?? [])];
  return (
    <>
      <h1>Freshness</h1>
      <Headline cells={cells === undefined ? undefined : all} />
      <div class="panel">
        {cells === undefined ? (
          error === undefined ? (
            <Skeleton rows={4} height={88} />
          ) : (
            <ErrorNotice error={error} retry={reload} />
          )
        ) : all.length === 0 ? (
          <ReportingHelp />
        ) : isNarrow ? (
          <List cells={all} signals={signals} />
        ) : (
          <Matrix cells={all} signals={signals} />
        )}
      </div>
    </>
  );
}

function Headline({ cells }: { cells: FreshnessCell[] | undefined }) {
  if (cells === undefined) return <p class="sub">&nbsp;</p>;
  const urgent = cells.filter(isUrgent).sort(byUrgency);
  const named = urgent.slice(0, 3);
  return (
    <p class="sub">
      {cells.length === 0
        ? 'No feed has run yet.'
        : urgent.length === 0
          ? `All ${formatCount(cells.length, 'feed')} are as fresh as usual.`
          : `${urgent.length} of ${formatCount(cells.length, 'feed')} need${urgent.length === 1 ? 's' : ''} attention: `}
      {named.map((cell, index) => (
        <span key={keyOf(cell)}>
          {index > 0 && ', '}
          <a href={href(formatQuery({ entityType: [cell.entityType], source: [cell.source] }))}>
            {pairLabel(cell.entityType, cell.source)}
          </a>{' '}
          is {STATES[cell.state].word.toLowerCase()}
        </span>
      ))}
      {urgent.length > named.length && `, and ${urgent.length - named.length} more`}
      {urgent.length > 0 && '.'}
    </p>
  );
}

const byUrgency = (one: FreshnessCell, other: FreshnessCell) =>
  URGENCY.indexOf(one.state) - URGENCY.indexOf(other.state) || keyOf(one).localeCompare(keyOf(other));

interface Props {
  cells: FreshnessCell[];
  signals: PairSignals;
}

/** A row for each entity type, a column for each source. Cells keep their places. */
function Matrix({ cells, signals }: Props) {
  const sources = [...SOURCES, 'UNKNOWN' as const].filter((one) => cells.some(({ source }) => source === one));
  const types = [...ENTITY_TYPES, 'UNKNOWN' as const].filter((one) => cells.some(({ entityType }) => entityType === one));
  return (
    <div class="table-scroll">
      <table class="matrix">
        <caption class="hidden">Freshness by entity type and source</caption>
        <thead>
          <tr>
            <th scope="col">Entity type</th>
            {sources.map((source) => (
              <th key={source} scope="col">
                {sourceLabel(source)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {types.map((entityType) => (
            <tr key={entityType}>
              <th scope="row">{entityTypeLabel(entityType)}</th>
              {sources.map((source) => {
                const cell = cells.find((one) => one.entityType === entityType && one.source === source);
                return (
                  <td key={source} class={cell === undefined ? 'none' : `is-${cell.state.toLowerCase()}`}>
                    {cell === undefined ? <span aria-label="no runs">–</span> : <Cell cell={cell} signals={signals} />}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The same on a phone, the most urgent first. */
function List({ cells, signals }: Props) {
  return (
    <ul class="pairs">
      {[...cells].sort(byUrgency).map((cell) => (
        <li key={keyOf(cell)} class={`is-${cell.state.toLowerCase()}`}>
          <Cell cell={cell} signals={signals} />
        </li>
      ))}
    </ul>
  );
}
