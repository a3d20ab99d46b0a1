import { useQuery } from '@urql/preact';
import { useMemo } from 'preact/hooks';
import { PeriodBar } from '../../components/period-bar';
import { ErrorNotice, Notice, Skeleton } from '../../components/states';
import { unitOf } from '../../lib/buckets';
import { formatCount, formatNumber, timeZone } from '../../lib/format';
import { PERIOD_LABELS } from '../../lib/period';
import { useRefreshedTime } from '../../lib/use-refreshed-time';
import { navigate, useLocation } from '../../router';
import {
  formatStatisticsQuery,
  parseStatisticsQuery,
  type StatisticsQuery,
  toStatisticsFilter,
} from '../statistics/statistics-query';
import { FAILURE_GROUPS } from './documents';
import { Group } from './group';
import { Trend } from './trend';

const MAX_GROUPS = 50;

/** Why runs have failed in a period: the same failures together, most frequent first. */
export function FailuresScreen() {
  const { search } = useLocation();
  const query = useMemo(() => parseStatisticsQuery(search), [search]);
  const now = useRefreshedTime();
  const filter = useMemo(() => ({ ...toStatisticsFilter(query, now), status: ['FAILED' as const] }), [query, now]);
  const variables = { filter, first: MAX_GROUPS, bucket: unitOf(query.period), timeZone };
  const [{ data, error }, refetch] = useQuery({ query: FAILURE_GROUPS, variables });
  const found = data?.syncFailureGroups;
  const change = (changed: Partial<StatisticsQuery>) =>
    navigate(formatStatisticsQuery('/failures', { ...query, ...changed }));

  return (
    <>
      <h1>Failures</h1>
      <p class="sub">{found == null ? '\u00a0' : headline(found, query)}</p>
      <div class="panel">
        <PeriodBar query={query} onChange={change} />
        {found == null ? (
          error === undefined ? (
            <Skeleton rows={6} height={92} />
          ) : (
            <ErrorNotice error={error} retry={() => refetch({ requestPolicy: 'network-only' })} />
          )
        ) : found.groups.length === 0 ? (
          <Notice icon="check" tone="ok" title={`No run failed in the ${PERIOD_LABELS[query.period]}`} />
        ) : (
          <>
            {data?.trend != null && <Trend buckets={data.trend} period={query.period} now={now} />}
            <ol class="failures">
              {found.groups.map((group) => (
                <Group key={group.fingerprint} group={group} query={query} filter={filter} now={now} />
              ))}
            </ol>
          </>
        )}
      </div>
    </>
  );
}

interface Found {
  groups: readonly { runs: number }[];
  runsRead: number;
  isComplete: boolean;
}

function headline({ groups, runsRead, isComplete }: Found, { period }: StatisticsQuery) {
  if (groups.length === 0) return `No run failed in the ${PERIOD_LABELS[period]}.`;
  const most = groups[0]?.runs ?? 0;
  const causes = groups.length === MAX_GROUPS ? `${MAX_GROUPS} or more kinds of failure` : formatCount(groups.length, 'kind') + ' of failure';
  const read = isComplete
    ? `${formatCount(runsRead, 'run')} failed in the ${PERIOD_LABELS[period]}`
    : `The newest ${formatNumber(runsRead)} failed runs of the ${PERIOD_LABELS[period]} were read`;
  return `${read}, with ${causes}; the most frequent one ${most === 1 ? 'once' : `${formatNumber(most)} times`}.`;
}
