// Values of arguments and input fields that have an effect on the data of a snapshot.

import { fingerprintOf } from '../reference/failures.mjs'
import { boolean, enumValue, float, int, list, object, objectField, string } from './ast.mjs'

const UNKNOWN_ID = '0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f'
const TEXTS = ['', 'row', 'ROW 3', 'timed out', '%', '_', 'ü', '💥', 'a"b\\c', 'null', '# no comment', 'x\ny', '"""']

const TIME_ZONES = ['UTC', 'Europe/Zurich', 'America/New_York', 'Asia/Kolkata', 'Mars/Phobos', '', 'ü']

/** Values of scalars by the name of the argument or input field, else by the type. */
export class Pools {
  constructor(snapshot) {
    const runs = [...snapshot.runs.values()]
    this.runIds = runs.map(run => run.id)
    this.eventIds = [...snapshot.events.keys()]
    this.userIds = [...snapshot.users.keys(), UNKNOWN_ID]
    this.times = runs.flatMap(run => [run.startedAt, run.completedAt]).filter(Boolean)
    this.cursors = Object.values(snapshot.runCursors).map(cursors => [...cursors.values()])
    this.fingerprints = runs.map(fingerprintOf).filter(Boolean)
    this.userCursors = [...snapshot.userCursors.values()]
    this.eventCursors = [...snapshot.events.values()].map(event => event.cursor)
    this.changeCursors = [snapshot.beginning, ...snapshot.changes.map(({ cursor }) => cursor)]
    this.addedCursors = snapshot.addedEvents.map(({ cursor }) => cursor)
    this.endedRunIds = runs.filter(run => run.completedAt !== null).map(run => run.id)
    this.eventTypes = [...new Set([...snapshot.events.values()].map(event => event.eventType))]
  }

  /** Returns a value of a scalar for `hint`, the path of the argument or input field. */
  scalar(type, hint, random) {
    const byHint = this.hinted(hint, random)
    if (byHint) return byHint
    switch (type) {
      case 'Int':
        return int(random.pick([0, 1, 2, 3, 10, 100, -1, 2147483647, -2147483648]))
      case 'Float':
        return random.chance(0.5)
          ? int(random.between(0, 4000))
          : float(random.pick([1.5, 60.25, '1e3', '2.5E-1', -0.5]))
      case 'Boolean':
        return boolean(random.chance(0.5))
      case 'ID':
        return this.id([...this.runIds, UNKNOWN_ID], random)
      case 'DateTime':
        return this.#time(random)
      case 'JSON':
        return json(random, 2)
      default:
        return string(random.pick(TEXTS))
    }
  }

  /** Returns a value for some hints. */
  hinted(hint, random) {
    const field = hint.split('.').at(-1)
    if (field === 'first' || field === 'last') return int(this.#pageSize(hint, random))
    if (field === 'offset') return int(random.weighted({ 0: 3, 1: 4, 2: 4, 7: 2, 10000: 0.5, 10001: 0.1, '-1': 0.1 }))
    if (field === 'idStartsWith') return string(this.#prefix(random))
    if (field === 'errorFingerprint' && random.chance(0.95)) return string(random.pick(this.fingerprints))
    if (field === 'path') return string(random.pick(['a', 'b', 'count', 'nope']))
    if (field === 'equals' && random.chance(0.7)) return jsonValue(random, 1)
    if (field === 'timeZone') return string(random.pick(TIME_ZONES))
    if (field === 'search') return string(random.pick(['zo', 'Zo\u00CB', '1@example', '@', ...TEXTS]))
    if (field === 'upTo') return int(random.weighted({ 1: 4, 3: 6, 10000: 4, 2147483647: 1, 0: 0.3, '-1': 0.3 }))
    if (hint === 'Subscription.syncRunChanged.after') return string(random.pick(this.changeCursors.slice(0, 40)))
    if (hint === 'Subscription.syncEventAdded.after') return string(random.pick(this.addedCursors))
    if (hint === 'Subscription.syncEventAdded.runId') return this.id(this.endedRunIds, random)
    if (field === 'after' || field === 'before') return this.#cursor(hint, random)
    if (field === 'eventType') return string(random.pick([...this.eventTypes, 'nope']))
    if (field === 'triggeredById') return this.id(this.userIds, random)
    if (/^(Query\.nodes?|ids)/.test(hint)) {
      return this.id(random.pick([this.runIds, this.eventIds, this.userIds]), random)
    }
    if (hint === 'Query.__type.name') return string(random.pick(random.chance(0.9) ? this.typeNames : TEXTS))
    return undefined
  }

  #pageSize(hint, random) {
    if (random.chance(0.02)) return random.pick([-1, 101, -2147483648, 2147483647])
    return Number(random.weighted({ 0: 1, 1: 6, 2: 8, 3: 4, 5: 2, 100: hint.startsWith('Query') ? 0.5 : 0.05 }))
  }

  #cursor(hint, random) {
    if (random.chance(0.03)) return string(random.pick(['', 'nope', '🦀']))
    if (hint.startsWith('Query.users') && this.userCursors.length > 0) return string(random.pick(this.userCursors))
    const isRuns = hint.startsWith('Query.syncRuns')
    if (random.chance(0.03)) return string(random.pick(isRuns ? this.eventCursors : this.cursors[0]))
    if (!isRuns) return string(random.pick(this.eventCursors))
    return string(random.pick(random.chance(0.8) ? this.cursors[0] : random.pick(this.cursors)))
  }

  /** Returns one of these ids, written in different ways. */
  id(ids, random) {
    if (random.chance(0.02)) return random.pick([int(42), string('x'), string(''), int('1234567890123456')])
    const id = random.pick(ids)
    if (random.chance(0.1)) return string(id.toUpperCase())
    return string(random.chance(0.05) ? id.replaceAll('-', '') : id)
  }

  #prefix(random) {
    if (random.chance(0.05)) return random.pick(TEXTS)
    const id = random.pick(this.runIds)
    const prefix = id.slice(0, random.pick([4, 8, 9, 15, 35, 36]))
    return random.chance(0.2) ? prefix.replaceAll('-', '').toUpperCase() : prefix
  }

  #time(random) {
    const time = random.pick(this.times)
    if (random.chance(0.2)) return string(time.replace('Z', random.pick(['+00:00', '+01:00', '-11:30'])))
    return string(random.chance(0.2) ? time.replace(/\.\d+/, '') : time)
  }
}

/** Values for mutations, which name runs and events that exist and such that do not. */
export class MutationPools extends Pools {
  /** `random` chooses new ids. */
  constructor(snapshot, pools, random) {
    super(snapshot)
    Object.assign(this, { typeNames: pools.typeNames, schemaTypes: pools.schemaTypes })
    const [newRun, newEvent] = [random.uuid(), random.uuid()]
    const ids = [...snapshot.runs.keys()].filter(id => typeof id === 'string')
    this.namedRuns = [newRun, newRun, newRun, random.uuid(), ...ids.slice(-3)]
    this.namedEvents = [
      newEvent,
      random.uuid(),
      random.uuid(),
      ...[...snapshot.events.keys()].filter(id => typeof id === 'string').slice(-2),
    ]
  }

  hinted(hint, random) {
    if (hint === 'SyncEventInput.id') return this.id(this.namedEvents, random)
    if (/(^CreateSyncRunInput\.id|\.runIds?)$/.test(hint)) return this.id(this.namedRuns, random)
    if (/\.(startedAt|startedBefore|completedAt|timestamp)$/.test(hint)) return string(random.pick(TIMES))
    if (hint === 'CreateSyncRunInput.status') return enumValue(random.pick(['PENDING', 'RUNNING']))
    // Long enough for no run to be closed meanwhile.
    if (/\.heartbeatTimeoutSeconds$/.test(hint)) return int(random.pick([86_400, 86_400, 2_592_000, 2_592_001, 0, -1]))
    if (/\.records\w+$/.test(hint)) return int(random.pick([0, 0, 1, 3, 7, 2147483647]))
    return super.hinted(hint, random)
  }
}

/** Times that are long before or after the current time. */
const TIMES = [
  '2001-02-03T04:05:06Z',
  '2001-02-03T04:05:06.5+01:00',
  '2010-11-12T13:14:15.000001Z',
  '2100-01-01T00:00:00Z',
]

/** Returns a JSON object whose numbers are written in one way only. */
export function json(random, depth) {
  const keys = random.shuffle(['a', 'b', 'count', 'ключ', 'x-y']).slice(0, random.below(4))
  const names = keys.filter(key => /^\w+$/.test(key))
  return object(names.map(key => objectField(key, jsonValue(random, depth))))
}

function jsonValue(random, depth) {
  switch (
    random.weighted({
      int: 2,
      float: 1,
      text: 2,
      boolean: 1,
      enum: 0.5,
      list: depth > 0 ? 1 : 0,
      object: depth > 0 ? 1 : 0,
    })
  ) {
    case 'int':
      return int(random.pick([0, 1, -7, 9007199254740991]))
    case 'float':
      return float(random.pick([0.5, -1.25]))
    case 'boolean':
      return boolean(random.chance(0.5))
    case 'enum':
      return enumValue('WORD')
    case 'list':
      return list(Array.from({ length: random.below(3) }, () => jsonValue(random, depth - 1)))
    case 'object':
      return json(random, depth - 1)
    default:
      return string(random.pick(TEXTS))
  }
}
