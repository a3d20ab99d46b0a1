import type { EntityType, RunFilter, Source } from '../../api/graphql';
import { ENTITY_TYPES, SOURCES } from '../../lib/labels';
import { isPeriod, type Period, startOf } from '../../lib/period';
import { listOf } from '../runs/run-query';

/** What the figures are about; all of it is in the address. */
export interface StatisticsQuery {
  period: Period;
  entityType: EntityType[];
  source: Source[];
}

const DEFAULT_PERIOD = '30d';

export function parseStatisticsQuery(search: string): StatisticsQuery {
  const params = new URLSearchParams(search);
  const period = params.get('period');
  return {
    period: isPeriod(period) ? period : DEFAULT_PERIOD,
    entityType: listOf(params.get('type'), ENTITY_TYPES),
    source: listOf(params.get('source'), SOURCES),
  };
}

/** Writes a query as the address of a screen. */
export function formatStatisticsQuery(path: string, { period, entityType, source }: StatisticsQuery): string {
  const params = [
    period !== DEFAULT_PERIOD && `period=${period}`,
    entityType.length > 0 && `type=${entityType.join().toLowerCase()}`,
    source.length > 0 && `source=${source.join().toLowerCase()}`,
  ].filter((param) => param !== false);
  return params.length === 0 ? path : `${path}?${params.join('&')}`;
}

export function toStatisticsFilter({ period, entityType, source }: StatisticsQuery, now: Date): RunFilter {
  const filter: RunFilter = { startedAt: { gte: startOf(period, now).toISOString() } };
  if (entityType.length > 0) filter.entityType = entityType;
  if (source.length > 0) filter.source = source;
  return filter;
}
