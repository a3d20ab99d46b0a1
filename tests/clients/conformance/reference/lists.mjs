// Lists as the API defines them: filters, order and pages.

import { plain } from '../json.mjs'
import { checkFingerprint, fingerprintOf } from './failures.mjs'

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

/** Orders by name; runs with the same value are ordered newest first, and unknown values come last. */
const ENUM_VALUES = {
  STATUS: run => run.status,
  ENTITY_TYPE: run => run.entityType,
  SOURCE: run => run.source,
}

export const ORDER_FIELDS = [...Object.keys(ORDER_VALUES), ...Object.keys(ENUM_VALUES)]

/** Sorts runs by a field, then by id. Runs without a value come last in both directions. */
export function sortRuns(runs, field, direction) {
  const valueOf = ORDER_VALUES[field]
  if (valueOf) return sort(runs, valueOf, direction)
  const all = [...runs]
  const nameOf = run => (ENUM_VALUES[field](run) === 'UNKNOWN' ? null : ENUM_VALUES[field](run))
  const places = new Map(sort(all, ORDER_VALUES.STARTED_AT, 'DESC').map((run, index) => [run, index]))
  return sort(all, nameOf, direction, (one, other) => places.get(one) - places.get(other))
}

/** Sorts events by time. Those of the same time are given in the order in which they were stored. */
export function sortEvents(events, direction) {
  const sorted = [...events].sort((one, other) => compare(one.timestamp, other.timestamp))
  return direction === 'ASC' ? sorted : sorted.reverse()
}

/** Sorts users by name. */
export function sortUsers(users) {
  return sort(users, user => user.fullName, 'ASC')
}

/** Sorts items by value, then by id in the same direction, or as `breakTies` says. */
function sort(items, valueOf, direction, breakTies) {
  const sign = direction === 'ASC' ? 1 : -1
  const byId = (one, other) => sign * compare(one.id, other.id)
  return [...items].sort((one, other) => {
    const [value, otherValue] = [valueOf(one), valueOf(other)]
    if ((value === null) !== (otherValue === null)) return value === null ? 1 : -1
    return sign * compare(value, otherValue) || (breakTies ?? byId)(one, other)
  })
}

function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0
}

const MAX_PAGE = 100
const MAX_OFFSET = 10_000
const DEFAULT_PAGE = 25

/**
 * Returns a page. `items` are all items in the order of the list, of which it contains those that `includes`
 * accepts; `indexOf` returns the index of the item with a cursor.
 */
export function page({ items, includes, indexOf, first, last, after, before, offset }) {
  const size = pageSize(first, last)
  const skip = pageOffset(offset, after, before)
  const from = after == null ? -1 : indexOf(after)
  const to = before == null ? items.length : indexOf(before)
  const between = items.filter((item, index) => index > from && index < to && includes(item))
  const fromEnd = last != null
  const left = Math.max(0, between.length - skip)
  const start = fromEnd ? Math.max(0, left - size) : between.length - left
  const more = left > size
  const skipped = skip > 0 && between.length > 0
  return {
    rows: between.slice(start, fromEnd ? left : start + size),
    hasPreviousPage: fromEnd ? more : after != null || skipped,
    hasNextPage: fromEnd ? before != null || skipped : more,
  }
}

function pageOffset(offset, after, before) {
  if (offset == null) return 0
  if (after != null || before != null) throw new InputError('both offset and a cursor are given')
  if (offset < 0 || offset > MAX_OFFSET) throw new InputError(`the offset is ${offset}`)
  return offset
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
  filter.errorFingerprint?.forEach(checkFingerprint)
  if (filter.idStartsWith != null) parsePrefix(filter.idStartsWith)
  filter.details?.forEach(checkCondition)
  filter.anyOf?.forEach(inner => checkRunFilter(inner, depth + 1))
  if (filter.not) checkRunFilter(filter.not, depth + 1)
}

function checkCondition({ path, equals, exists }) {
  if (path.length < 1 || path.length > 16 || path.some(key => [...key].length > 200)) throw new InputError('path')
  if ((equals !== undefined) === (exists != null)) throw new InputError('exactly one of equals and exists')
}

/** Returns the hexadecimal digits at the beginning of a UUID. */
function parsePrefix(text) {
  const groups = text.toLowerCase().split('-')
  const ends = groups.map((_, index) => groups.slice(0, index + 1).join('').length)
  const digits = groups.join('')
  const isPrefix =
    /^[0-9a-f]{4,32}$/.test(digits) &&
    ends.slice(0, -1).every((end, index) => [8, 12, 16, 20].includes(end) && end !== ends[index - 1])
  if (!isPrefix) throw new InputError(`${text} is not the beginning of a UUID`)
  return digits
}

function checkText(text) {
  if (text != null && ([...text].length > 500 || text.includes('\0'))) throw new InputError('the text is invalid')
}

function matchesRun(filter, run) {
  const seconds = run.durationSeconds === null ? null : Number(run.durationSeconds)
  return (
    isOneOf(filter.id?.map(parseId), run.id) &&
    (filter.idStartsWith == null || run.id.replaceAll('-', '').startsWith(parsePrefix(filter.idStartsWith))) &&
    isOneOf(filter.status, run.status) &&
    isOneOf(filter.source, run.source) &&
    isOneOf(filter.entityType, run.entityType) &&
    isOneOf(filter.triggeredById?.map(parseId), run.triggeredById) &&
    (filter.triggeredByUser == null || filter.triggeredByUser === (run.triggeredById !== null)) &&
    isBetween(filter.startedAt, run.startedAt) &&
    isBetween(filter.completedAt, run.completedAt) &&
    isBetween(filter.updatedAt, run.updatedAt) &&
    isBetween(filter.durationSeconds, seconds) &&
    isBetween(filter.recordsProcessed, Number(run.recordsProcessed)) &&
    isBetween(filter.recordsCreated, Number(run.recordsCreated)) &&
    isBetween(filter.recordsUpdated, Number(run.recordsUpdated)) &&
    isBetween(filter.recordsFailed, Number(run.recordsFailed)) &&
    contains(filter.errorContains, run.errorMessage) &&
    (filter.errorFingerprint == null || filter.errorFingerprint.includes(fingerprintOf(run))) &&
    (filter.details ?? []).every(condition => meets(condition, run.details)) &&
    (filter.anyOf == null || filter.anyOf.some(inner => matchesRun(inner, run))) &&
    (filter.not == null || !matchesRun(filter.not, run))
  )
}

/** Returns a function that tests whether the name or e-mail address of a user contains a text. */
export function userFilter(search) {
  checkText(search)
  return user => contains(search, user.fullName) || contains(search, user.email)
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
  const { gt, gte, lt, lte } = range ?? {}
  if ([gt, gte, lt, lte].every(bound => bound == null)) return true
  return (
    value !== null &&
    (gt == null || value > gt) &&
    (gte == null || value >= gte) &&
    (lt == null || value < lt) &&
    (lte == null || value <= lte)
  )
}

/** Returns whether details, as they are written, meet a condition. */
function meets({ path, equals, exists }, details) {
  let value = details
  for (const key of path) value = value instanceof Map ? value.get(key) : undefined
  if (exists != null) return exists === (value !== undefined)
  return value !== undefined && isEqual(plain(value), equals)
}

function isEqual(one, other) {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other
  const keys = Object.keys(one)
  return (
    Array.isArray(one) === Array.isArray(other) &&
    keys.length === Object.keys(other).length &&
    keys.every(key => key in other && isEqual(one[key], other[key]))
  )
}

function contains(text, value) {
  return text == null || (value !== null && value.toLowerCase().includes(text.toLowerCase()))
}
