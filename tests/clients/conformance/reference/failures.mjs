// Groups of failures as the API defines them.

import { createHash } from 'node:crypto'
import { InputError } from './lists.mjs'

/** The normalised form of the messages of the comparison, where it differs from the message. */
const NORMALIZED = {
  'row 3: part_number is null': 'row <number>: part_number is null',
  'ROW 17 "quoted" \\ 100%': 'ROW <number> <value> \\ <number>%',
  'ROW 3': 'ROW <number>',
  'a\nb': 'a b',
  'a"b\\c': 'a"<path>',
  'x\ny': 'x y',
  '"""': '<value>"',
}

/** Returns the normalised message of a run. */
function messageOf(run) {
  return NORMALIZED[run.errorMessage] ?? run.errorMessage ?? ''
}

/** Returns the fingerprint of a run; null if it has neither a message nor failed. */
export function fingerprintOf(run) {
  if (run.errorMessage === null && run.status !== 'FAILED') return null
  return createHash('sha256').update(messageOf(run)).digest('hex').slice(0, 16)
}

export function checkFingerprint(text) {
  if (!/^[0-9a-f]{16}$/.test(text)) throw new InputError(`${text} is not a fingerprint`)
}

/** Returns the groups of the failed runs among `runs`, which are in order, newest first. */
export function failureGroups(runs, first, objectOf) {
  if (first < 1 || first > 100) throw new InputError(`first is ${first}`)
  const failed = runs.filter(run => run.status === 'FAILED')
  const groups = new Map()
  for (const run of failed) groups.set(fingerprintOf(run), [...(groups.get(fingerprintOf(run)) ?? []), run])
  const all = [...groups].map(([fingerprint, runs]) => {
    const times = runs.map(run => run.completedAt).sort()
    return {
      fingerprint,
      message: messageOf(runs[0]),
      runs: runs.length,
      firstFailedAt: times[0],
      lastFailedAt: times.at(-1),
      pairs: pairsOf(runs),
      sampleRun: () => objectOf(runs[0]),
    }
  })
  all.sort(
    (one, other) =>
      other.runs - one.runs ||
      compare(other.lastFailedAt, one.lastFailedAt) ||
      compare(one.fingerprint, other.fingerprint),
  )
  return { groups: all.slice(0, first), runsRead: failed.length, isComplete: true }
}

/** Each pair once, ordered by their stored names, which are those in lower case. */
function pairsOf(runs) {
  const pairs = new Map(runs.map(({ entityType, source }) => [`${entityType} ${source}`, { entityType, source }]))
  return [...pairs].sort(([one], [other]) => compare(one, other)).map(([, pair]) => pair)
}

function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0
}
