import { useQuery } from '@urql/preact';
import { useMemo } from 'preact/hooks';
import { PeriodBar } from '../../components/period-bar';
import { ErrorNotice, Notice, Skeleton } from '../../components/states';
import { fillBuckets, unitOf } from '../../lib/buckets';
import { formatCount, formatDuration, formatPercent, timeZone } from '../../lib/format';
import { PERIOD_LABELS } from '../../lib/period';
import { useRefreshedTime } from '../../lib/use-refreshed-time';
import { navigate, useLocation } from '../../router';
import { EMPTY_BUCKET, type Figures, STATISTICS } from './documents';
import { HeatMap } from './heat-map';
import { PairTable } from './pair-table';
import { formatStatisticsQuery, parseStatisticsQuery, type StatisticsQuery, toStatisticsFilter } from './statistics-query';
import { DurationsChart, RecordsChart, RunsChart } from './time-charts';

export function StatisticsScreen() {
  const { search } = useLocation();
  const query = useMemo(() => parseStatisticsQuery(search), [search]);
  const now = useRefreshedTime();
  const bucket = unitOf(query.period);
  const variables = useMemo(() => ({ filter: toStatisticsFilter(query, now), bucket, timeZone }), [query, now]);
  const [{ data, error, fetching }, refetch] = useQuery({ query: STATISTICS, variables });
  const buckets = useMemo(() => fillBuckets(data?.buckets ?? [], query.period, now, EMPTY_BUCKET), [data]);
  const change = (changed: Partial<StatisticsQuery>) =>
    navigate(formatStatisticsQuery('/statistics', { ...query, ...changed }));
  const total = data?.total?.[0];

  return (
    <>
      <h1>Statistics</h1>
      <p class="sub">{headline(total, query)}</p>
      <div class="panel">
        <PeriodBar query={query} onChange={change} />
        {error !== undefined && data?.total == null ? (
          <ErrorNotice error={error} retry={() => refetch({ requestPolicy: 'network-only' })} />
        ) : data === undefined ? (
          <Skeleton rows={5} />
        ) : total === undefined || total.runs === 0 ? (
          <Notice icon="ring" title={`No run started in the ${PERIOD_LABELS[query.period]}`}>
            <p>Choose a longer period, or fewer filters.</p>
          </Notice>
        ) : (
          <div class={fetching ? 'charts fetching' : 'charts'}>
            <RunsChart buckets={buckets} unit={bucket} />
            <DurationsChart buckets={buckets} unit={bucket} />
            <RecordsChart buckets={buckets} unit={bucket} />
            <HeatMap hours={data.hours ?? []} />
          </div>
        )}
      </div>
      {data?.pairs != null && data.pairs.length > 0 && <PairTable pairs={data.pairs} period={query.period} />}
    </>
  );
}

function headline(total: Figures | undefined, { period }: StatisticsQuery) {
  if (total === undefined) return '\u00a0';
  const parts = [formatCount(total.runs, 'run')];
  if (total.successRate !== null) parts.push(`${formatPercent(total.successRate)} of those that finished succeeded`);
  if (total.p50DurationSeconds !== null) parts.push(`half took less than ${formatDuration(total.p50DurationSeconds)}`);
  return `In the ${PERIOD_LABELS[period]}: ${parts.join('; ')}.`;
}
