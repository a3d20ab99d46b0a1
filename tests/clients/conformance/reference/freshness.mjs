// The freshness of pairs as the API defines it, as far as it depends neither on the time nor on learned intervals.

import { InputError, sortRuns } from './lists.mjs'
import { ServerChosen } from './scalars.mjs'

/** Successes from which an interval is learned. */
const MIN_SUCCESSES = 5
const MAX_FAILURES = 1000

const ANY_STATE = new ServerChosen(/^(FRESH|LATE|STALE)$/)
const ANY_NUMBER = new ServerChosen(/^([\d.e+-]+|null)$/)
const ANY_INSTANT = new ServerChosen(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$|^null$/)

/** Returns the pairs that the arguments select. `enums` holds the values of both enums, `runObject` resolves a run. */
export function freshness(runs, { entityType, source }, enums, runObject) {
  for (const values of [entityType, source]) {
    if (values?.includes('UNKNOWN')) throw new InputError('UNKNOWN names no pair')
  }
  const known = values => values.filter(value => value !== 'UNKNOWN')
  const rows = []
  for (const type of known(enums.entityType).filter(type => entityType?.includes(type) ?? true)) {
    for (const from of known(enums.source).filter(from => source?.includes(from) ?? true)) {
      const own = sortRuns(runs.filter(run => run.entityType === type && run.source === from), 'STARTED_AT', 'DESC')
      if (own.length > 0 || (entityType && source)) rows.push(row(type, from, own, runObject))
    }
  }
  return rows
}

function row(entityType, source, runs, runObject) {
  const successes = runs.filter(run => run.status === 'COMPLETED')
  const [success] = successes
  const later = runs.filter(run => !success || run.startedAt > success.startedAt)
  const failures = later.filter(run => run.status === 'FAILED').length
  const isLearned = successes.length >= MIN_SUCCESSES
  return {
    entityType,
    source,
    state: !success ? 'NEVER' : isLearned ? ANY_STATE : 'FRESH',
    lastRun: () => (runs.length > 0 ? runObject(runs[0]) : null),
    lastSuccess: () => (success ? runObject(success) : null),
    secondsSinceLastSuccess: success ? ANY_NUMBER : null,
    expectedIntervalSeconds: isLearned ? ANY_NUMBER : null,
    consecutiveFailures: Math.min(failures, MAX_FAILURES),
    lateAt: isLearned ? ANY_INSTANT : null,
  }
}
