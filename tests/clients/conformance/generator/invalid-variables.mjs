// Changes of variables: their definitions, uses and values.

import { Kind } from 'graphql'
import * as ast from './ast.mjs'
import { anyValue } from './invalid-values.mjs'

const BOOLEAN = ast.namedType('Boolean')
const TYPES = [
  'Boolean',
  'Int',
  'String',
  'ID',
  'Float',
  'DateTime',
  'JSON',
  'SyncStatus',
  'SyncRunFilter',
  'SyncRun',
  'Node',
  'Nope',
]

const definition = (text, type, defaultValue) => ({
  kind: Kind.VARIABLE_DEFINITION,
  variable: ast.variable(text),
  type,
  defaultValue,
  directives: [],
})

const nonNull = type => ({ kind: Kind.NON_NULL_TYPE, type })
const listOf = type => ({ kind: Kind.LIST_TYPE, type })

/** Returns all definitions of variables. */
function definitionsOf({ places }) {
  return places.operations.flatMap(({ node }) => node.variableDefinitions)
}

function pickDefinition(change) {
  const definitions = definitionsOf(change)
  return definitions.length > 0 ? change.random.pick(definitions) : undefined
}

export const variableChanges = {
  'undefined variable': ({ places, random }) => {
    if (places.values.length === 0) return false
    const { parent, key } = random.pick(places.values)
    parent[key] = ast.variable('undefined')
    return true
  },
  'undefined variable in a condition': ({ places, random }) => {
    const condition = ast.directive('include', [ast.argument('if', ast.variable('undefined'))])
    random.pick(places.fields).node.directives = [condition]
    return true
  },
  'unused variable': ({ places, random }) => {
    random.pick(places.operations).node.variableDefinitions.push(definition('unused', BOOLEAN))
    return true
  },
  'variable defined twice': change => {
    const node = pickDefinition(change)
    if (!node) return false
    const { node: operation } = change.random.pick(change.places.operations)
    operation.variableDefinitions.push(structuredClone(node))
    return true
  },
  'definition left out': ({ places, random }) => {
    const { node } = random.pick(places.operations)
    if (node.variableDefinitions.length === 0) return false
    node.variableDefinitions.splice(random.below(node.variableDefinitions.length), 1)
    return true
  },
  'variable of another type': change => {
    const node = pickDefinition(change)
    if (node) node.type = ast.namedType(change.random.pick(TYPES))
    return node !== undefined
  },
  'nullable instead of non-null, or reversed': change => {
    const node = pickDefinition(change)
    if (node) node.type = node.type.kind === Kind.NON_NULL_TYPE ? node.type.type : nonNull(node.type)
    return node !== undefined
  },
  'list instead of single, or reversed': change => {
    const node = pickDefinition(change)
    if (!node) return false
    const isRequired = node.type.kind === Kind.NON_NULL_TYPE
    const inner = isRequired ? node.type.type : node.type
    const changed = inner.kind === Kind.LIST_TYPE && change.random.chance(0.7) ? inner.type : listOf(inner)
    node.type = isRequired && changed.kind !== Kind.NON_NULL_TYPE ? nonNull(changed) : changed
    return true
  },
  'nullable items, or non-null items': change => {
    const lists = definitionsOf(change)
      .map(({ type }) => type.type ?? type)
      .filter(({ kind }) => kind === Kind.LIST_TYPE)
    if (lists.length === 0) return false
    const type = change.random.pick(lists)
    type.type = type.type.kind === Kind.NON_NULL_TYPE ? type.type.type : nonNull(type.type)
    return true
  },
  'no default value': change => {
    const node = pickDefinition(change)
    if (!node?.defaultValue) return false
    node.defaultValue = undefined
    return true
  },
  'default value of another type': change => {
    const node = pickDefinition(change)
    if (node) node.defaultValue = anyValue(change.random)
    return node !== undefined
  },
  'default value with a variable': change => {
    const node = pickDefinition(change)
    if (node) node.defaultValue = change.random.pick([ast.variable('v'), ast.list([node.variable])])
    return node !== undefined
  },
  'nullable variable in a condition': ({ places, random }) => {
    const { node: operation } = random.pick(places.operations)
    const { node } = random.pick(places.fields)
    const defaultValue = random.pick([undefined, undefined, ast.nullValue(), ast.boolean(true)])
    operation.variableDefinitions.push(definition('nullable', BOOLEAN, defaultValue))
    const condition = ast.argument('if', ast.variable('nullable'))
    node.directives = [ast.directive(random.pick(['skip', 'include']), [condition])]
    return true
  },
  'value of another type': ({ request, random }) => {
    const [...names] = request.variables.keys()
    if (names.length === 0) return false
    request.variables.set(random.pick(names), anyValue(random))
    return true
  },
  'value left out': ({ request, random }) => {
    const [...names] = request.variables.keys()
    return names.length > 0 && request.variables.delete(random.pick(names))
  },
  'null as value': change => {
    const node = pickDefinition(change)
    if (node) change.request.variables.set(node.variable.name.value, ast.nullValue())
    return node !== undefined
  },
  'value with a wrong part': ({ request, random }) => {
    const parts = []
    for (const value of request.variables.values()) {
      ast.walk(value, (node, parent, key) => {
        if (parent && /Value$/.test(node.kind)) parts.push({ parent, key })
      })
    }
    if (parts.length === 0) return false
    const { parent, key } = random.pick(parts)
    parent[key] = anyValue(random)
    return true
  },
  'value of an input object with a wrong field': ({ request, random }) => {
    const objects = []
    for (const value of request.variables.values()) {
      ast.walk(value, node => node.kind === Kind.OBJECT && objects.push(node))
    }
    if (objects.length === 0) return false
    const { fields } = random.pick(objects)
    if (fields.length > 0 && random.chance(0.5)) fields.splice(random.below(fields.length), 1)
    else fields.push(ast.objectField('nope', ast.int(1)))
    return true
  },
  'value of an unknown variable': ({ request, random }) => {
    request.variables.set('unknown', anyValue(random))
    return true
  },
}
