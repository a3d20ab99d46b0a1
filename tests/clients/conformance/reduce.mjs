// Reduces a request to the part that makes a difference.

import { Kind, parse, print } from 'graphql'
import { parseWritten, write } from './json.mjs'

const LISTS = ['definitions', 'selections', 'arguments', 'directives', 'variableDefinitions', 'fields', 'values']
const MAX_ATTEMPTS = 400

/** Returns the smallest request found for which `differs` is still true, by leaving out one part after the other. */
export async function reduceRequest(parameters, differs) {
  let best = parameters
  let attempts = 0
  const tryRequest = async candidate => {
    if (attempts++ > MAX_ATTEMPTS || !(await differs(candidate))) return false
    best = candidate
    return true
  }
  let isReduced = true
  while (isReduced && attempts < MAX_ATTEMPTS) {
    isReduced = false
    for (const candidate of candidatesOf(best)) {
      if (!(await tryRequest(candidate))) continue
      isReduced = true
      break
    }
  }
  return best
}

/** Yields requests that lack one part, the largest parts first. */
function* candidatesOf(parameters) {
  let document
  try {
    document = parse(parameters.query)
  } catch {
    return
  }
  for (const path of removablePaths(document)) {
    const copy = structuredClone(document)
    const { list, index } = locate(copy, path)
    const [removed] = list.splice(index, 1)
    if (removed.kind !== Kind.INLINE_FRAGMENT) {
      yield withDocument(parameters, copy)
      continue
    }
    yield withDocument(parameters, copy)
    list.splice(index, 0, ...removed.selectionSet.selections)
    yield withDocument(parameters, copy)
  }
  for (const field of aliased(document)) {
    const { alias } = field
    field.alias = undefined
    yield withDocument(parameters, document)
    field.alias = alias
  }
}

function withDocument(parameters, document) {
  const pruned = prune(structuredClone(document))
  const names = new Set(namesOf(pruned, Kind.VARIABLE))
  const given = parseWritten(parameters.variables ?? '{}') ?? new Map()
  const variables = new Map([...given].filter(([name]) => names.has(name)))
  return { ...parameters, query: print(pruned), variables: variables.size > 0 ? write(variables) : undefined }
}

/** Removes fragments and variables that are not used. */
function prune(document) {
  const spread = new Set(namesOf(document, Kind.FRAGMENT_SPREAD))
  document.definitions = document.definitions.filter(
    ({ kind, name }) => kind !== Kind.FRAGMENT_DEFINITION || spread.has(name.value),
  )
  for (const definition of document.definitions) {
    const others = document.definitions.map(other => ({ ...other, variableDefinitions: [] }))
    const used = new Set(namesOf({ kind: Kind.DOCUMENT, definitions: others }, Kind.VARIABLE))
    definition.variableDefinitions = definition.variableDefinitions?.filter(({ variable }) =>
      used.has(variable.name.value),
    )
  }
  return document
}

function namesOf(node, kind, names = []) {
  if (!node || typeof node !== 'object') return names
  if (node.kind === kind) names.push(node.name.value)
  for (const [key, inner] of Object.entries(node)) if (key !== 'loc') namesOf(inner, kind, names)
  return names
}

/** Returns the paths of the items of lists in a document, those with more below them first. */
function removablePaths(node, path = [], paths = []) {
  if (!node || typeof node !== 'object') return paths
  for (const [key, inner] of Object.entries(node)) {
    if (key === 'loc') continue
    if (LISTS.includes(key) && Array.isArray(inner)) inner.forEach((_, index) => paths.push([...path, key, index]))
    removablePaths(inner, [...path, key], paths)
  }
  return paths.toSorted((one, other) => one.length - other.length)
}

function locate(document, path) {
  const list = path.slice(0, -1).reduce((node, key) => node[key], document)
  return { list, index: path.at(-1) }
}

function aliased(node, found = []) {
  if (!node || typeof node !== 'object') return found
  if (node.kind === Kind.FIELD && node.alias) found.push(node)
  for (const [key, inner] of Object.entries(node)) if (key !== 'loc') aliased(inner, found)
  return found
}
