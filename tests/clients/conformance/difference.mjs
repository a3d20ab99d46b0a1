// Differences between the response of the server and that of the reference.

import { WrittenNumber } from './json.mjs'
import { ServerChosen } from './reference/scalars.mjs'

/** The server reports the first errors only. */
const MAX_ERRORS = 20

/**
 * Returns the first difference as `{ kind, detail }`, or nothing. `actual` is the parsed response of the server,
 * `expected` the result of the reference. `failingPaths` returns the paths of all fields that fail.
 */
export async function findDifference(actual, expected, failingPaths) {
  const isExecuted = actual.has('data')
  const rejection = () => actual.get('errors')?.[0]?.get('message')
  if (expected.rejectedBy) {
    if (!isExecuted) return undefined
    return { kind: `accepted, violates ${expected.rejectedBy}`, detail: expected.message }
  }
  if (!isExecuted) return { kind: `rejected: ${generalize(rejection())}`, detail: rejection() }
  return (
    valueDifference(expected.data, actual.get('data'), []) ?? (await errorDifference(actual, expected, failingPaths))
  )
}

/** Removes names and numbers from a message, so that messages of one kind are equal. */
function generalize(message = 'no errors') {
  const unexpected = /= (expected .*)/.exec(message)
  if (unexpected) return unexpected[1].slice(0, 60)
  return message
    .replace(/[`"'][^`"']*[`"']/g, '…')
    .replace(/\$\w+/g, '$…')
    .replace(/\d+/g, 'N')
    .slice(0, 120)
}

/** Returns the first difference between a value of the reference and a parsed one. */
export function valueDifference(expected, actual, path) {
  const differs = (kind, detail = '') => ({ kind: `data: ${kind}`, detail: `at ${path.join('.')} ${detail}` })
  if (expected instanceof ServerChosen) {
    return expected.matches(actual) ? undefined : differs('value', `${show(actual)} is not ${expected.pattern}`)
  }
  if (typeof expected === 'number') {
    const isSame = actual instanceof WrittenNumber && actual.text === String(expected)
    return isSame ? undefined : differs('value', `${show(actual)} instead of ${expected}`)
  }
  if (expected instanceof WrittenNumber) {
    const isSame = actual instanceof WrittenNumber && actual.text === expected.text
    return isSame ? undefined : differs('value', `${show(actual)} instead of ${expected.text}`)
  }
  if (Array.isArray(expected)) return listDifference(expected, actual, path, differs)
  if (expected !== null && typeof expected === 'object') return objectDifference(expected, actual, path, differs)
  return expected === actual ? undefined : differs('value', `${show(actual)} instead of ${show(expected)}`)
}

function listDifference(expected, actual, path, differs) {
  if (!Array.isArray(actual)) return differs(`${nameOf(actual)} instead of a list`)
  if (actual.length !== expected.length) {
    return differs('length of a list', `${actual.length} instead of ${expected.length}`)
  }
  return firstOf(expected, (item, index) => valueDifference(item, actual[index], [...path, index]))
}

function objectDifference(expected, actual, path, differs) {
  if (!(actual instanceof Map)) return differs(`${nameOf(actual)} instead of an object`)
  const entries = expected instanceof Map ? [...expected] : Object.entries(expected)
  const keys = entries.map(([key]) => key)
  const actualKeys = [...actual.keys()]
  if (keys.join() !== actualKeys.join()) {
    const kind = keys.toSorted().join() === actualKeys.toSorted().join() ? 'order of keys' : 'keys'
    return differs(kind, `{${actualKeys}} instead of {${keys}}`)
  }
  return firstOf(entries, ([key, value]) => valueDifference(value, actual.get(key), [...path, key]))
}

function firstOf(items, find) {
  for (const [index, item] of items.entries()) {
    const found = find(item, index)
    if (found) return found
  }
  return undefined
}

function nameOf(value) {
  if (value === null || value === undefined) return String(value)
  if (value instanceof Map) return 'an object'
  return Array.isArray(value) ? 'a list' : 'a scalar'
}

function show(value) {
  if (value instanceof WrittenNumber) return value.text
  return typeof value === 'object' && value !== null ? nameOf(value) : JSON.stringify(value)
}

/**
 * Compares the paths of errors. If errors made a field null above the fields that failed, the specification leaves
 * open which of them are reported, but at least one is. Notes in `expected` if others are.
 */
async function errorDifference(actual, expected, failingPaths) {
  const differs = (kind, detail) => ({ kind: `errors: ${kind}`, detail })
  const reported = (actual.get('errors') ?? []).map(error => pathOf(error.get('path')))
  const wanted = (expected.errors ?? []).map(error => (error.path ?? []).join('.'))
  const missing = wanted.filter(path => !reported.includes(path))
  const additional = reported.filter(path => !wanted.includes(path))
  const twice = reported.filter((path, index) => reported.indexOf(path) !== index)
  if (twice.length > 0) return differs('reported twice', twice[0])
  if (missing.length === 0 && additional.length === 0) return undefined
  const failing = (await failingPaths()).map(path => path.join('.'))
  const possible = new Set([...wanted, ...failing].map(withoutIndices))
  const impossible = additional.filter(path => !possible.has(withoutIndices(path)))
  if (impossible.length > 0) return differs('additional path', `${impossible[0]} instead of ${missing}`)
  const nulled = path => nulledPosition(actual.get('data'), path)
  const places = new Set(reported.map(nulled))
  const lost = missing.filter(path => !places.has(nulled(path)) || nulled(path) === path)
  if (lost.length > 0 && reported.length < MAX_ERRORS) return differs('missing path', lost[0])
  const above = additional.filter(path => nulled(path) === path)
  if (above.length > 0) return differs('additional path', above[0])
  expected.hasOtherErrors = true
  return undefined
}

/** Any item of a list may fail first. */
function withoutIndices(path) {
  return path.replace(/\.\d+/g, '.*')
}

function pathOf(path = []) {
  return path.map(segment => segment.text ?? segment).join('.')
}

/** Returns the path of the null that the error at a path led to. */
function nulledPosition(data, path) {
  const segments = path.split('.')
  let value = data
  for (let length = 0; length < segments.length; length++) {
    if (value === null) return segments.slice(0, length).join('.')
    value = Array.isArray(value) ? value[Number(segments[length])] : value?.get(segments[length])
  }
  return path
}
