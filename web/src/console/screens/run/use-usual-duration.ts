import { useQuery } from '@urql/preact';
import { useMemo } from 'preact/hooks';
import { type RunDetails, USUAL_DURATION } from './documents';

const DAYS = 30;
/** Fewer runs say nothing about what is usual. */
const MIN_RUNS = 3;

/** The usual duration of runs of the same pair: of those that completed within a month. */
export function useUsualDuration({ entityType, source }: RunDetails) {
  const since = useMemo(() => new Date(Date.now() - DAYS * 86_400_000).toISOString(), [entityType, source]);
  const isUnknown = entityType === 'UNKNOWN' || source === 'UNKNOWN';
  const [{ data }] = useQuery({ query: USUAL_DURATION, variables: { entityType, source, since }, pause: isUnknown });
  const stats = data?.syncRunStats?.[0];
  if (!stats || stats.runs < MIN_RUNS || stats.p50DurationSeconds === null) return undefined;
  return { p50: stats.p50DurationSeconds, p95: stats.p95DurationSeconds ?? stats.p50DurationSeconds };
}
