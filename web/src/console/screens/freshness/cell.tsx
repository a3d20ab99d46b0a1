import { useQuery } from '@urql/preact';
import { useEffect } from 'preact/hooks';
import { Icon, type IconName } from '../../components/icon';
import { Progress } from '../../components/progress';
import { Sparkline } from '../../components/sparkline';
import { formatAge, formatExact, formatInterval, formatNumber } from '../../lib/format';
import { pairLabel } from '../../lib/labels';
import { useStore } from '../../lib/store';
import { useNow } from '../../lib/use-now';
import { href } from '../../router';
import { formatQuery } from '../runs/run-query';
import { type FreshnessCell, type FreshnessState, PAIR_HISTORY, type PastRun } from './documents';
import { keyOf, type PairSignals } from './pair-signals';

/** How often the progress of a running pair is read. */
const PROGRESS_INTERVAL_MS = 3_000;

export const STATES: Record<FreshnessState, { word: string; tone: string; icon: IconName }> = {
  FRESH: { word: 'Fresh', tone: 'ok', icon: 'check' },
  LATE: { word: 'Late', tone: 'late', icon: 'clock' },
  STALE: { word: 'Stale', tone: 'bad', icon: 'cross' },
  NEVER: { word: 'Never', tone: 'off', icon: 'bar' },
};

/** A pair: its state, how old its last success is, and its recent runs. Leads to these runs. */
export function Cell({ cell, signals }: { cell: FreshnessCell; signals: PairSignals }) {
  const { word, tone, icon } = STATES[cell.state];
  const runs = useHistory(cell, signals);
  const [newest] = runs ?? [];
  const link = formatQuery({ entityType: [cell.entityType], source: [cell.source] });
  return (
    <a class="cell" href={href(link)}>
      <b class="pair">{pairLabel(cell.entityType, cell.source)}</b>
      <span class="states">
        <span class={`tag ${tone}`}>
          <Icon name={icon} />
          {word}
        </span>
        {newest?.status === 'RUNNING' && (
          <span class="tag run">
            <Icon name="dot" />
            Running
          </span>
        )}
      </span>
      <Age cell={cell} />
      {newest?.status === 'RUNNING' && newest.progress !== null ? (
        <Running run={newest} />
      ) : runs === undefined ? (
        <span class="sparkline" />
      ) : (
        <Sparkline runs={runs} />
      )}
    </a>
  );
}

/** "last success 9 h ago · usually every 2 h" */
function Age({ cell }: { cell: FreshnessCell }) {
  const now = useNow(5_000);
  const at = cell.lastSuccess?.completedAt;
  const failures = cell.consecutiveFailures;
  return (
    <small title={at == null ? undefined : formatExact(at)}>
      {at == null ? 'no success yet' : `${formatAge((now - Date.parse(at)) / 1000)} ago`}
      {cell.expectedIntervalSeconds !== null && ` · every ${formatInterval(cell.expectedIntervalSeconds)}`}
      {failures > 0 && <span class="some"> · {failures} failed in a row</span>}
    </small>
  );
}

function Running({ run }: { run: PastRun }) {
  return (
    <span class="running">
      <Progress
        processed={run.recordsProcessed}
        expected={run.recordsExpected}
        progress={run.progress}
        label="Progress"
      />
      <small>
        {formatNumber(run.recordsProcessed)}
        {run.recordsExpected !== null && ` of ${formatNumber(run.recordsExpected)}`}
      </small>
    </span>
  );
}

function useHistory(cell: FreshnessCell, signals: PairSignals): PastRun[] | undefined {
  const { entityType, source } = cell;
  const isUnknown = entityType === 'UNKNOWN' || source === 'UNKNOWN';
  const [{ data }, refetch] = useQuery({ query: PAIR_HISTORY, variables: { entityType, source }, pause: isUnknown });
  const changes = useStore(signals(keyOf(cell)));
  useEffect(() => {
    if (changes > 0) refetch({ requestPolicy: 'network-only' });
  }, [changes]);
  const runs = data?.syncRuns?.nodes;
  const isRunning = runs?.[0]?.status === 'RUNNING';
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') refetch({ requestPolicy: 'network-only' });
    }, PROGRESS_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isRunning]);
  return runs;
}
