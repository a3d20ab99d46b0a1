// Statistics over runs as the API defines them.

import { WrittenNumber } from '../json.mjs'
import { InputError } from './lists.mjs'

const STATUSES = ['PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED']
const RECORDS = ['recordsProcessed', 'recordsCreated', 'recordsUpdated', 'recordsFailed']
const FIELDS = { STATUS: 'status', SOURCE: 'source', ENTITY_TYPE: 'entityType' }
const DAY = 86_400_000

/** Returns the rows, ordered by bucket and group. `types` holds the enums of the schema. */
export function statistics(runs, { groupBy, bucket, timeZone }, types) {
  const offsetAt = offsets(timeZone)
  const fields = Object.keys(FIELDS).filter(dimension => groupBy.includes(dimension))
  const groups = new Map(fields.length === 0 && bucket == null ? [['[null]', []]] : [])
  for (const run of runs) {
    const start = bucket == null ? null : bucketStart(bucket, Date.parse(run.startedAt), offsetAt)
    const key = JSON.stringify([start, ...fields.map(dimension => types[dimension].indexOf(run[FIELDS[dimension]]))])
    groups.set(key, [...(groups.get(key) ?? []), { ...run, start }])
  }
  const keys = [...groups.keys()].sort((one, other) => compare(JSON.parse(one), JSON.parse(other)))
  return keys.map(key => row(groups.get(key), fields))
}

function compare(one, other) {
  const index = one.findIndex((value, index) => value !== other[index])
  return index < 0 ? 0 : one[index] < other[index] ? -1 : 1
}

function row(runs, fields) {
  const [first] = runs
  const valueOf = dimension => (fields.includes(dimension) ? first[FIELDS[dimension]] : null)
  const count = status => runs.filter(run => run.status === status).length
  const micros = runs.filter(run => run.durationSeconds !== null).map(run => Math.round(run.durationSeconds * 1e6))
  micros.sort((one, other) => one - other)
  const has = micros.length > 0
  const [completed, finished] = [count('COMPLETED'), count('COMPLETED') + count('FAILED')]
  return {
    status: valueOf('STATUS'),
    source: valueOf('SOURCE'),
    entityType: valueOf('ENTITY_TYPE'),
    bucketStart: first?.start ? new Date(first.start).toISOString().replace('Z', '000Z') : null,
    runs: runs.length,
    ...Object.fromEntries(STATUSES.map(status => [status.toLowerCase(), count(status)])),
    successRate: finished > 0 ? float(completed / finished) : null,
    averageDurationSeconds: has ? float(micros.reduce((sum, one) => sum + one, 0) / micros.length / 1e6) : null,
    p50DurationSeconds: has ? float(percentile(micros, 50) / 1e6) : null,
    p95DurationSeconds: has ? float(percentile(micros, 95) / 1e6) : null,
    maxDurationSeconds: has ? float(micros.at(-1) / 1e6) : null,
    ...Object.fromEntries(RECORDS.map(name => [name, runs.reduce((sum, run) => sum + Number(run[name]), 0)])),
  }
}

/** A number of the type Float, as the server writes it: with a fraction, and below 1e-5 with an exponent. */
function float(value) {
  if (value > 0 && value < 1e-5) return new WrittenNumber(value.toExponential())
  return new WrittenNumber(Number.isInteger(value) ? value.toFixed(1) : String(value))
}

function percentile(sorted, percent) {
  const position = percent * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(position / 100)], sorted[Math.ceil(position / 100)]]
  return low + (high - low) * ((position % 100) / 100)
}

/** Returns the function that returns the milliseconds which a time zone is ahead of UTC. */
function offsets(timeZone) {
  let format
  try {
    const parts = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' }
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...parts })
  } catch {
    throw new InputError(`${timeZone} is not a time zone`)
  }
  return instant => {
    const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]))
    const { year, month, day, hour, minute, second } = parts
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000
  }
}

/** Returns the start of the bucket of an instant, both in milliseconds. */
function bucketStart(bucket, instant, offsetAt) {
  const local = new Date(instant + offsetAt(instant))
  if (bucket === 'HOUR') return instant - (local.getTime() % 3_600_000)
  const midnight = new Date(Math.floor(local.getTime() / DAY) * DAY)
  if (bucket === 'WEEK') midnight.setTime(midnight.getTime() - ((midnight.getUTCDay() + 6) % 7) * DAY)
  if (bucket === 'MONTH') midnight.setUTCDate(1)
  const guess = midnight.getTime() - offsetAt(midnight.getTime())
  return midnight.getTime() - offsetAt(guess)
}
