// Lists as the API defines them: filters, order and pages.

/** An error of a resolver. */
export class InputError extends Error {
  constructor(message, code = 'BAD_INPUT') {
    super(message)
    this.code = code
  }
}

const ORDER_VALUES = {
  STARTED_AT: run => run.startedAt,
  COMPLETED_AT: run => run.completedAt,
  DURATION: run => (run.durationSeconds === null ? null : Number(run.durationSeconds)),
  RECORDS_PROCESSED: run => Number(run.recordsProcessed),
  RECORDS_FAILED: run => Number(run.recordsFailed),
}

export const ORDER_FIELDS = Object.keys(ORDER_VALUES)

/** Sorts runs by a field, then by id. Runs without a value come last in both directions. */
export function sortRuns(runs, field, direction) {
  const valueOf = ORDER_VALUES[field]
  return sort(runs, valueOf, direction)
}

/** Sorts events by time. Those of the same time are given in the order in which they were stored. */
export function sortEvents(events, direction) {
  const sorted = [...events].sort((one, other) => compare(one.timestamp, other.timestamp))
  return direction === 'ASC' ? sorted : sorted.reverse()
}

function sort(items, valueOf, direction) {
  const sign = direction === 'ASC' ? 1 : -1
  return [...items].sort((one, other) => {
    const [value, otherValue] = [valueOf(one), valueOf(other)]
    if ((value === null) !== (otherValue === null)) return value === null ? 1 : -1
    return sign * (compare(value, otherValue) || compare(one.id, other.id))
  })
}

function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0
}

const MAX_PAGE = 100
const DEFAULT_PAGE = 25

/**
 * Returns a page. `items` are all items in the order of the list, of which it contains those that `includes`
 * accepts; `indexOf` returns the index of the item with a cursor.
 */
export function page({ items, includes, indexOf, first, last, after, before }) {
  const size = pageSize(first, last)
  const from = after == null ? -1 : indexOf(after)
  const to = before == null ? items.length : indexOf(before)
  const between = items.filter((item, index) => index > from && index < to && includes(item))
  const fromEnd = last != null
  const more = between.length > size
  return {
    rows: fromEnd ? between.slice(Math.max(0, between.length - size)) : between.slice(0, size),
    hasPreviousPage: fromEnd ? more : after != null,
    hasNextPage: fromEnd ? before != null : more,
  }
}

function pageSize(first, last) {
  if (first != null && last != null) throw new InputError('both first and last are given')
  const size = first ?? last ?? DEFAULT_PAGE
  if (size < 0 || size > MAX_PAGE) throw new InputError(`the page size is ${size}`)
  return size
}

/** Normalizes a UUID. */
export function parseId(text) {
  const hyphenated = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
  if (!hyphenated && !/^[0-9a-f]{32}$/i.test(text)) throw new InputError(`${text} is not a UUID`)
  const hex = text.replaceAll('-', '').toLowerCase()
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Returns a function that tests whether a run matches a filter. */
export function runFilter(filter) {
  checkRunFilter(filter ?? {}, 1)
  return run => matchesRun(filter ?? {}, run)
}

function checkRunFilter(filter, depth) {
  if (depth > 8) throw new InputError('filters are nested too deeply')
  for (const field of ['id', 'triggeredById']) filter[field]?.forEach(parseId)
  checkText(filter.errorContains)
  filter.anyOf?.forEach(inner => checkRunFilter(inner, depth + 1))
  if (filter.not) checkRunFilter(filter.not, depth + 1)
}

function checkText(text) {
  if (text != null && ([...text].length > 500 || text.includes('\0'))) throw new InputError('the text is invalid')
}

function matchesRun(filter, run) {
  const seconds = run.durationSeconds === null ? null : Number(run.durationSeconds)
  return (
    isOneOf(filter.id?.map(parseId), run.id) &&
    isOneOf(filter.status, run.status) &&
    isOneOf(filter.source, run.source) &&
    isOneOf(filter.entityType, run.entityType) &&
    isOneOf(filter.triggeredById?.map(parseId), run.triggeredById) &&
    isBetween(filter.startedAt, run.startedAt) &&
    isBetween(filter.completedAt, run.completedAt) &&
    isBetween(filter.durationSeconds, seconds) &&
    isBetween(filter.recordsProcessed, Number(run.recordsProcessed)) &&
    isBetween(filter.recordsFailed, Number(run.recordsFailed)) &&
    contains(filter.errorContains, run.errorMessage) &&
    (filter.anyOf == null || filter.anyOf.some(inner => matchesRun(inner, run))) &&
    (filter.not == null || !matchesRun(filter.not, run))
  )
}

/** Returns a function that tests whether an event matches a filter. */
export function eventFilter(filter) {
  const { runId, eventType, timestamp, messageContains } = filter ?? {}
  const runIds = runId?.map(parseId)
  ;[...(eventType ?? []), messageContains].forEach(checkText)
  return event =>
    isOneOf(runIds, event.runId) &&
    isOneOf(eventType, event.eventType) &&
    isBetween(timestamp, event.timestamp) &&
    contains(messageContains, event.message)
}

function isOneOf(values, value) {
  return values == null || values.includes(value)
}

function isBetween(range, value) {
  const { gte, lt, lte } = range ?? {}
  if (gte == null && lt == null && lte == null) return true
  return value !== null && (gte == null || value >= gte) && (lt == null || value < lt) && (lte == null || value <= lte)
}

function contains(text, value) {
  return text == null || (value !== null && value.toLowerCase().includes(text.toLowerCase()))
}
