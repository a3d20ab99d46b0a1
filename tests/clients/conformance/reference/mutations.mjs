// The root fields of mutations: the rules of a run, over a snapshot that they change.

import { WrittenNumber } from '../json.mjs'
import { InputError, parseId, sortRuns } from './lists.mjs'
import { Objects } from './queries.mjs'
import { ServerChosen } from './scalars.mjs'

/** Stands for the current time in comparisons: the times in documents are long before or after it. */
const NOW = '2050-01-01T00:00:00.000000Z'

/** Ids of version 7 begin with the time. */
const ANY_ID = new ServerChosen(/^[0-9a-f-]{36}$/, '01')
const ANY_CURSOR = new ServerChosen(/^[\w-]+$/)
const ANY_MESSAGE = new ServerChosen(/^[^]+$/)
const ANY_NUMBER = new ServerChosen(/^\d+(\.\d+)?(e-?\d+)?$/)

const ENDED = ['COMPLETED', 'FAILED', 'CANCELLED']
const COUNTS = ['recordsProcessed', 'recordsCreated', 'recordsUpdated', 'recordsFailed']
const MAX_EVENT_TYPE = 50
const MAX_HEARTBEAT_TIMEOUT = 30 * 24 * 60 * 60
const MAX_RUNS = 100

let calls = 0

/** Returns the current time of the server: later than that of any call before. */
function currentTime() {
  const comparable = NOW.replace('000000', String(calls++ % 1_000_000).padStart(6, '0'))
  return new ServerChosen(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, comparable)
}

/** Executes mutations over a snapshot. */
export class MutationRoot {
  /** The ids of runs that were changed or that the caller named. */
  touched = new Set()

  constructor(snapshot) {
    this.snapshot = snapshot
    this.objects = new Objects(snapshot)
  }

  createSyncRun = ({ input }) => {
    const id = input.id == null ? undefined : parseId(input.id)
    const triggeredById = input.triggeredById == null ? null : parseId(input.triggeredById)
    validateCreation(input)
    const creation = creationOf({ ...input, triggeredById })
    const existing = this.snapshot.runs.get(id)
    if (existing) {
      this.touched.add(id)
      if (existing.creation !== creation) throw new InputError('the id is that of a different run')
      return this.#created(existing, true)
    }
    if (triggeredById && !this.snapshot.users.has(triggeredById)) throw new InputError('there is no such user')
    const run = newRun({ ...input, id: id ?? ANY_ID, triggeredById, creation })
    this.snapshot.runs.set(id ?? Symbol('chosen by the server'), run)
    if (id) this.touched.add(id)
    return this.#created(run, false)
  }

  #created(run, replayed) {
    const node = this.objects.runObject(run)
    return {
      run: node,
      replayed,
      runEdge: { cursor: this.snapshot.runCursors.STARTED_AT.get(run.id) ?? ANY_CURSOR, node },
    }
  }

  startSyncRun = ({ runId }) => {
    const run = this.#run(runId)
    if (isEnded(run)) throw new InputError('the run has ended')
    const replayed = run.status === 'RUNNING'
    change(run, { status: 'RUNNING' })
    if (!replayed) report(run)
    return { run: this.objects.runObject(run), replayed }
  }

  addSyncEvent = ({ input }) => {
    const { events, replayedCount, run } = this.addSyncEvents({ input: { runId: input.runId, events: [input.event] } })
    return { event: events[0], replayed: replayedCount > 0, eventEdge: { cursor: ANY_CURSOR, node: events[0] }, run }
  }

  addSyncEvents = ({ input }) => {
    parseId(input.runId)
    const now = currentTime()
    const given = input.events.map(event => validateEvent(event, now))
    const run = this.#run(input.runId)
    const events = given.map(event => ({ ...event, runId: run.id }))
    const added = new Map()
    let replayedCount = 0
    for (const event of events) {
      const stored = added.get(event.key) ?? this.snapshot.events.get(event.key)
      if (stored) replayedCount += 1
      if (stored) expectSame(stored, event)
      else added.set(event.key, event)
    }
    for (const [key, event] of added) this.snapshot.events.set(key, event)
    if (added.size > 0) report(run)
    const nodes = events.map(event => this.objects.eventObject(this.snapshot.events.get(event.key)))
    return { events: nodes, replayedCount, run: this.objects.runObject(run) }
  }

  reportSyncProgress = ({ input }) => {
    parseId(input.runId)
    validateReport(input)
    const run = this.#run(input.runId)
    if (isEnded(run)) throw new InputError('the run has ended')
    const changes = { details: merge(run.details, input.details) }
    for (const name of COUNTS) changes[name] = Math.max(run[name], input.counts?.[name] ?? 0)
    if (input.recordsExpected != null) changes.recordsExpected = input.recordsExpected
    change(run, changes)
    report(run)
    return { run: this.objects.runObject(run) }
  }

  completeSyncRun = ({ input }) => {
    return this.#complete(input, report)
  }

  #complete(input, reported) {
    parseId(input.runId)
    validateReport(input)
    validateText(input.errorMessage)
    const run = this.#run(input.runId)
    if (isEnded(run)) return this.#repeated(run, input)
    const { completedAt } = input
    if (completedAt != null && completedAt < String(run.startedAt))
      throw new InputError('the run ends before it starts')
    end(run, input, completedAt)
    reported(run)
    return { run: this.objects.runObject(run), replayed: false }
  }

  cancelSyncRun = ({ input }) => {
    // An operator does so, not the worker.
    return this.#complete({ runId: input.runId, status: 'CANCELLED', errorMessage: input.reason }, () => {})
  }

  cancelSyncRuns = ({ input }) => {
    const { runIds, reason } = input
    if (runIds.length > MAX_RUNS) throw new InputError('too many runs')
    validateText(reason)
    const results = runIds.map(runId => {
      try {
        return { runId, run: this.cancelSyncRun({ input: { runId, reason } }).run }
      } catch (error) {
        if (!(error instanceof InputError)) throw error
        return { runId, errorCode: error.code, errorMessage: ANY_MESSAGE }
      }
    })
    return { results }
  }

  deleteSyncRuns = ({ input }) => {
    if (input.runIds.length > MAX_RUNS) throw new InputError('too many runs')
    const ids = new Set(input.runIds.map(parseId))
    ids.forEach(id => this.touched.add(id))
    for (const [key, event] of this.snapshot.events) {
      if (ids.has(event.runId)) this.snapshot.events.delete(key)
    }
    return { deletedRunIds: [...ids].filter(id => this.snapshot.runs.delete(id)) }
  }

  #repeated(run, { status, counts, completedAt, errorMessage, details }) {
    const isSame =
      run.status === status &&
      COUNTS.every(name => counts?.[name] == null || counts[name] === run[name]) &&
      (completedAt == null || completedAt === run.completedAt) &&
      (errorMessage == null || errorMessage === run.errorMessage) &&
      text(merge(run.details, details)) === text(run.details)
    if (!isSame) throw new InputError('the run has ended with another outcome', 'ALREADY_FINISHED')
    return { run: this.objects.runObject(run), replayed: true }
  }

  cancelActiveSyncRuns = ({ input }) => {
    if ([...(input.entityType ?? []), ...(input.source ?? [])].includes('UNKNOWN')) throw new InputError('UNKNOWN')
    validateText(input.reason)
    const criteria = [input.entityType, input.source, input.startedBefore]
    if (!input.all && criteria.every(criterion => criterion == null)) throw new InputError('no criterion')
    const isSelected = run =>
      ['PENDING', 'RUNNING'].includes(run.status) &&
      (input.startedBefore == null || String(run.startedAt) < input.startedBefore) &&
      (input.entityType == null || input.entityType.includes(run.entityType)) &&
      (input.source == null || input.source.includes(run.source))
    const runs = sortRuns([...this.snapshot.runs.values()].filter(isSelected), 'STARTED_AT', 'ASC')
    for (const run of runs) {
      end(run, { status: 'CANCELLED', errorMessage: input.reason })
      if (typeof run.id === 'string') this.touched.add(run.id)
    }
    return { runs: runs.map(run => this.objects.runObject(run)), hasMore: false }
  }

  #run(text) {
    const id = parseId(text)
    this.touched.add(id)
    const run = this.snapshot.runs.get(id)
    if (!run) throw new InputError('there is no such run', 'NOT_FOUND')
    return run
  }
}

/** Throws an error if an event with the id of a stored one has other content. */
function expectSame(stored, event) {
  const keys = ['runId', 'eventType', 'message', ...(typeof event.timestamp === 'string' ? ['timestamp'] : [])]
  const isSame = keys.every(key => stored[key] === event[key]) && text(stored.details) === text(event.details)
  if (!isSame) throw new InputError('the id is that of another event')
}

/** Changes when the worker of a run has reported last. */
function report(run) {
  run.lastHeartbeatAt = currentTime()
}

function newRun({ id, entityType, source, status, startedAt, recordsExpected, triggeredById, details, creation }) {
  const counts = Object.fromEntries(COUNTS.map(name => [name, 0]))
  const run = {
    ...counts,
    ...{
      id,
      entityType,
      source,
      status,
      startedAt: startedAt ?? currentTime(),
      completedAt: null,
      updatedAt: currentTime(),
    },
    ...{ durationSeconds: null, recordsExpected: recordsExpected ?? null, errorMessage: null },
    ...{ details: written(details ?? null), triggeredById, version: 1, createdBy: null, endedBy: null, creation },
    ...{ lastHeartbeatAt: currentTime(), lostAt: null, recoveredAt: null },
  }
  return Object.assign(run, { progress: progress(run) })
}

/** Returns a text that is equal for calls with the same content. */
function creationOf({ entityType, source, status, startedAt, recordsExpected, triggeredById, details, ...others }) {
  const content = [entityType, source, status, startedAt ?? null, recordsExpected ?? null, triggeredById]
  return text([...content, written(details ?? null), others.heartbeatTimeoutSeconds ?? null])
}

/** Changes a run; its version increases if the changes change anything. */
function change(run, changes) {
  const isChanged = Object.entries(changes).some(([name, value]) => text(run[name]) !== text(value))
  if (!isChanged) return
  Object.assign(run, changes, { version: run.version + 1, updatedAt: currentTime() })
  run.progress = progress(run)
}

function end(run, { status, counts, errorMessage, details }, completedAt) {
  const endedAt = completedAt ?? currentTime()
  const isKnown = typeof endedAt === 'string' && typeof run.startedAt === 'string'
  const changes = {
    status,
    completedAt: endedAt,
    durationSeconds: isKnown ? float(microseconds(endedAt) - microseconds(run.startedAt)) : ANY_NUMBER,
    details: merge(run.details, details),
  }
  for (const name of COUNTS) if (counts?.[name] != null) changes[name] = counts[name]
  if (errorMessage != null) changes.errorMessage = errorMessage
  change(run, changes)
}

function isEnded(run) {
  return ENDED.includes(run.status)
}

/** Returns the microseconds since the epoch. */
function microseconds(time) {
  return Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26))
}

/** Writes a number of microseconds as seconds. */
function float(micros) {
  return writtenFloat(micros / 1e6)
}

/** Writes a number as the server writes floats. */
function writtenFloat(number) {
  if (Number.isInteger(number)) return new WrittenNumber(`${number}.0`)
  // The server uses exponents from 1e-5, JavaScript from 1e-7.
  return new WrittenNumber(Math.abs(number) < 1e-5 ? number.toExponential() : String(number))
}

function progress({ recordsProcessed, recordsExpected }) {
  if (recordsExpected === null) return null
  const fraction = recordsExpected > 0 ? Math.min(1, recordsProcessed / recordsExpected) : 1
  return writtenFloat(fraction)
}

/** Converts a value of the scalar `JSON` to what is written: keys are sorted, numbers are compared by value. */
function written(value) {
  if (Array.isArray(value)) return value.map(item => written(item ?? null))
  if (typeof value === 'number') return new SameNumber(value)
  if (value === null || typeof value !== 'object') return value
  const keys = Object.keys(value).filter(key => value[key] !== undefined)
  return new Map(sorted(keys).map(key => [key, written(value[key])]))
}

/** Sorts texts by code points. */
function sorted(texts) {
  return texts.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
}

class SameNumber extends ServerChosen {
  constructor(value) {
    super(new RegExp(`^${value}$`))
    this.text = String(value)
  }

  matches(actual) {
    return actual instanceof WrittenNumber && Number(actual.text) === Number(this.text)
  }
}

/** Sets keys of a run's details. The others stay as they are, and come first. */
function merge(details, given) {
  if (given == null || Object.keys(given).length === 0) return details
  const set = written(given)
  const kept = [...(details ?? [])].filter(([key]) => !set.has(key))
  return new Map([...kept, ...set])
}

/** Returns a text that is equal for equal values. */
function text(value) {
  return JSON.stringify(value, (_, inner) => {
    if (inner instanceof Map) return [...inner]
    if (inner instanceof WrittenNumber || inner instanceof SameNumber) return Number(inner.text)
    return inner instanceof ServerChosen ? inner.pattern.source : inner
  })
}

function validateCreation({ entityType, source, status, startedAt, recordsExpected, details, ...others }) {
  const timeout = others.heartbeatTimeoutSeconds ?? 1
  if (timeout < 1 || timeout > MAX_HEARTBEAT_TIMEOUT) throw new InputError('the timeout is too short or too long')
  if (entityType === 'UNKNOWN' || source === 'UNKNOWN') throw new InputError('UNKNOWN is not valid')
  if (status !== 'PENDING' && status !== 'RUNNING') throw new InputError('a run is created open')
  validateTime(startedAt)
  validateCount(recordsExpected)
  validateDetails(details)
}

function validateReport({ counts, completedAt, recordsExpected, details }) {
  validateTime(completedAt)
  COUNTS.forEach(name => validateCount(counts?.[name]))
  validateCount(recordsExpected)
  validateDetails(details)
}

function validateEvent({ id, eventType, message, timestamp, details }, now) {
  const length = [...eventType].length
  if (length === 0 || length > MAX_EVENT_TYPE) throw new InputError('the event type is too long or empty')
  validateTime(timestamp)
  validateText(eventType)
  validateText(message)
  validateDetails(details)
  const event = { eventType, message, timestamp: timestamp ?? now, details: written(details ?? null) }
  if (id == null) return { ...event, key: Symbol('chosen by the server'), id: ANY_ID, cursor: ANY_CURSOR }
  return { ...event, key: parseId(id), id: parseId(id), cursor: ANY_CURSOR }
}

function validateCount(count) {
  if (count != null && count < 0) throw new InputError('a count is negative')
}

function validateTime(time) {
  if (time != null && time > NOW) throw new InputError('the time is far in the future')
}

function validateText(value) {
  if (value?.includes('\0')) throw new InputError('the text contains U+0000')
}

function validateDetails(details) {
  if (details != null && (typeof details !== 'object' || Array.isArray(details))) throw new InputError('details')
}
