import { useQuery } from '@urql/preact';
import { useMemo } from 'preact/hooks';
import type { RunFilter } from '../../api/graphql';
import { formatNumber } from '../../lib/format';
import { STATUSES, statusLabel } from '../../lib/labels';
import { href } from '../../router';
import { MAX_COUNT, RUN_COUNTS, RUN_STATISTICS } from './documents';
import type { RunList } from './run-list';
import { formatQuery, type RunQuery } from './run-query';
import { useRefreshWithChanges } from './use-refresh';

/** A tab for each status, with how many runs it has among those that match the other filters. */
export function StatusTabs({ query, list }: { query: RunQuery; list: RunList }) {
  const counts = useCounts(list);
  const tab = (label: string, status: RunQuery['status'], count: number | null | undefined) => {
    const isCurrent = query.status.join() === status.join();
    return (
      <a key={label} href={href(formatQuery({ ...query, status }))} aria-current={isCurrent ? 'true' : undefined}>
        {label} <span>{typeof count === 'number' ? formatCounted(count) : '–'}</span>
      </a>
    );
  };
  return (
    <nav class="tabs" aria-label="Status">
      {tab('All', [], counts?.all)}
      {STATUSES.map((status) => tab(statusLabel(status), [status], counts?.[keyOf(status)]))}
    </nav>
  );
}

const formatCounted = (count: number) => (count >= MAX_COUNT ? `${formatNumber(MAX_COUNT)}+` : formatNumber(count));

type ListedStatus = (typeof STATUSES)[number];
type Counts = Record<'all' | Lowercase<ListedStatus>, number | null | undefined>;

const keyOf = (status: ListedStatus) => status.toLowerCase() as Lowercase<ListedStatus>;

/** Whether an index leads to the runs of each status. */
const isIndexed = ({ errorContains, errorFingerprint, triggeredByUser, ...others }: RunFilter) =>
  errorContains === undefined &&
  errorFingerprint === undefined &&
  triggeredByUser === undefined && Object.keys(others).length <= 1;

function useCounts(list: RunList): Counts | undefined {
  const { status: _, ...filter } = list.filter;
  const indexed = isIndexed(filter);
  const variables = useMemo(() => {
    const of = (status: ListedStatus) => ({ ...filter, status: [status] });
    return {
      all: filter,
      pending: of('PENDING'),
      running: of('RUNNING'),
      failed: of('FAILED'),
      completed: of('COMPLETED'),
      cancelled: of('CANCELLED'),
    };
  }, [list]);
  const [{ data: counted }, count] = useQuery({ query: RUN_COUNTS, variables, pause: !indexed });
  const [{ data: computed }, compute] = useQuery({
    query: RUN_STATISTICS,
    variables: { filter: variables.all },
    pause: indexed,
  });
  useRefreshWithChanges(list, () => (indexed ? count : compute)({ requestPolicy: 'network-only' }));
  if (!indexed) {
    const row = computed?.syncRunStats?.[0];
    return row && { ...row, all: row.runs };
  }
  if (counted === undefined) return undefined;
  const { all, pending, running, failed, completed, cancelled } = counted;
  return {
    all: all?.totalCount,
    pending: pending?.totalCount,
    running: running?.totalCount,
    failed: failed?.totalCount,
    completed: completed?.totalCount,
    cancelled: cancelled?.totalCount,
  };
}
