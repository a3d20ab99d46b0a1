import type { EntityType, RunFilter, RunOrderField, Source, Status } from '../../api/graphql';
import { ENTITY_TYPES, ORDERS, SOURCES, STATUSES } from '../../lib/labels';
import { isPeriod, type Period, startOf } from '../../lib/period';

/** What the list shows; all of it is in the address. */
export interface RunQuery {
  status: Status[];
  source: Source[];
  entityType: EntityType[];
  /** Ids of users, or the system. */
  triggeredBy: string[] | 'system';
  started: Period | { from: string | undefined; to: string | undefined } | undefined;
  error: string;
  /** Fingerprints of failure groups. */
  failure: string[];
  sort: RunOrderField;
  direction: 'ASC' | 'DESC';
}

/** Reads a list of values, in any case. */
export const listOf = <T extends string>(text: string | null, allowed: readonly T[]): T[] =>
  allowed.filter((value) => text?.toUpperCase().split(',').includes(value));

const isTime = (text: string | null): text is string => text !== null && !Number.isNaN(Date.parse(text));

/** Reads the query of an address. What is not understood is ignored. */
export function parseQuery(search: string): RunQuery {
  const params = new URLSearchParams(search);
  const by = params.get('by');
  const started = params.get('started');
  const [from, to] = [params.get('from'), params.get('to')];
  const sort = params.get('sort')?.toUpperCase() as RunOrderField | undefined;
  const range = isTime(from) || isTime(to) ? { from: isTime(from) ? from : undefined, to: isTime(to) ? to : undefined } : undefined;
  return {
    status: listOf(params.get('status'), STATUSES),
    source: listOf(params.get('source'), SOURCES),
    entityType: listOf(params.get('type'), ENTITY_TYPES),
    triggeredBy: by === 'system' ? 'system' : (by?.split(',').filter((id) => /^[\da-f-]{32,36}$/i.test(id)) ?? []),
    started: range ?? (isPeriod(started) ? started : undefined),
    error: params.get('error') ?? '',
    failure: params.get('failure')?.split(',').filter((one) => /^[\da-f]{16}$/.test(one)) ?? [],
    sort: sort !== undefined && sort in ORDERS ? sort : 'STARTED_AT',
    direction: params.get('direction')?.toUpperCase() === 'ASC' ? 'ASC' : 'DESC',
  };
}

/** Writes a query as an address. Defaults are left out. */
export function formatQuery(query: Partial<RunQuery>): string {
  const params = new URLSearchParams();
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== '') params.set(name, value);
  };
  const list = (values: readonly string[] | undefined) => values?.join(',').toLowerCase();
  set('status', list(query.status));
  set('source', list(query.source));
  set('type', list(query.entityType));
  set('by', query.triggeredBy === 'system' ? 'system' : query.triggeredBy?.join(','));
  if (typeof query.started === 'string') set('started', query.started);
  else {
    set('from', query.started?.from);
    set('to', query.started?.to);
  }
  set('error', query.error);
  set('failure', query.failure?.join(','));
  if (query.sort !== 'STARTED_AT') set('sort', query.sort?.toLowerCase());
  if (query.direction === 'ASC') set('direction', 'asc');
  const text = params.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text === '' ? '/runs' : `/runs?${text}`;
}

/** The filter of the API. Periods end now. */
export function toFilter(query: RunQuery, now: Date): RunFilter {
  const filter: RunFilter = {};
  if (query.status.length > 0) filter.status = query.status;
  if (query.source.length > 0) filter.source = query.source;
  if (query.entityType.length > 0) filter.entityType = query.entityType;
  if (query.triggeredBy === 'system') filter.triggeredByUser = false;
  else if (query.triggeredBy.length > 0) filter.triggeredById = query.triggeredBy;
  if (typeof query.started === 'string') {
    filter.startedAt = { gte: startOf(query.started, now).toISOString() };
  } else if (query.started !== undefined) {
    filter.startedAt = {};
    if (query.started.from !== undefined) filter.startedAt.gte = new Date(query.started.from).toISOString();
    if (query.started.to !== undefined) filter.startedAt.lt = new Date(query.started.to).toISOString();
  }
  if (query.error !== '') filter.errorContains = query.error;
  if (query.failure.length > 0) filter.errorFingerprint = query.failure;
  return filter;
}

export const isFiltered = (query: RunQuery) =>
  formatQuery({ ...query, sort: 'STARTED_AT', direction: 'DESC' }) !== '/runs';
