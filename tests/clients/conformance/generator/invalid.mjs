// Makes requests invalid, by one change. Some changes happen to leave them valid.

import { Kind, TypeInfo, visit, visitWithTypeInfo } from 'graphql'
import * as ast from './ast.mjs'
import { documentChanges } from './invalid-documents.mjs'
import { fragmentChanges } from './invalid-fragments.mjs'
import { valueChanges } from './invalid-values.mjs'
import { variableChanges } from './invalid-variables.mjs'

/** Changes a request in one way. Returns the name of the change, or nothing if the request has no place for it. */
export function makeInvalid(request, context) {
  request.document = structuredClone(request.document)
  const change = context.random.pick(CHANGES)
  const places = placesOf(request.document, context.schema)
  return change.apply({ request, places, ...context }) ? change.label : undefined
}

/** Collects nodes by kind; fields with their parent type and definition, values with the type that is expected. */
function placesOf(document, schema) {
  const places = { fields: [], sets: [], directives: [], values: [], spreads: [], operations: [], fragments: [] }
  const types = new TypeInfo(schema)
  const isDirective = ancestors => ancestors.some(node => node.kind === Kind.DIRECTIVE)
  visit(
    document,
    visitWithTypeInfo(types, {
      enter(node, key, parent, path, ancestors) {
        const place = { node, parent, key, type: types.getType(), parentType: types.getParentType() }
        if (node.kind === Kind.FIELD) places.fields.push({ ...place, definition: types.getFieldDef() })
        if (node.kind === Kind.SELECTION_SET) places.sets.push({ ...place, type: types.getParentType() })
        if (node.kind === Kind.DIRECTIVE) places.directives.push(place)
        if (node.kind === Kind.FRAGMENT_SPREAD || node.kind === Kind.INLINE_FRAGMENT) places.spreads.push(place)
        if (node.kind === Kind.OPERATION_DEFINITION) places.operations.push(place)
        if (node.kind === Kind.FRAGMENT_DEFINITION) places.fragments.push(place)
        if (isValue(node, parent)) {
          places.values.push({ ...place, type: types.getInputType(), isCondition: isDirective(ancestors) })
        }
      },
    }),
  )
  return places
}

function isValue(node, parent) {
  const isUse = node.kind !== Kind.VARIABLE || parent?.kind !== Kind.VARIABLE_DEFINITION
  return (/Value$/.test(node.kind) || node.kind === Kind.VARIABLE) && isUse
}

/** Replaces a node in its parent. */
export function replace({ parent, key }, node) {
  parent[key] = node
  return true
}

const selectionChanges = {
  'unknown field': ({ places, random }) => {
    const { node } = random.pick(places.fields)
    node.name = ast.name(
      random.pick([`${node.name.value}x`, 'nope', '__nope', '__schema', '__type', node.name.value.toUpperCase()]),
    )
    return true
  },
  'field of another type': ({ places, random }) => {
    const { node } = random.pick(places.fields)
    node.name = ast.name(random.pick(places.fields).node.name.value)
    return true
  },
  'unknown argument': ({ places, random }) => {
    const { node } = random.pick(places.fields)
    const text = random.pick(['nope', 'first', 'id', 'if', 'input', 'filter'])
    node.arguments = [
      ...node.arguments,
      ast.argument(text, random.pick([ast.int(1), ast.boolean(true), ast.string('x')])),
    ]
    return true
  },
  'argument given twice': ({ places, random }) => {
    const node = pickWith(places.fields, random, field => field.arguments.length > 0)
    if (!node) return false
    const again = structuredClone(random.pick(node.arguments))
    node.arguments = random.shuffle([...node.arguments, again])
    return true
  },
  'argument left out': ({ places, random }) => {
    const node = pickWith(places.fields, random, field => field.arguments.length > 0)
    if (!node) return false
    const removed = random.pick(node.arguments)
    node.arguments = node.arguments.filter(argument => argument !== removed)
    return true
  },
  'scalar with selections': ({ places, random }) => {
    const node = pickWith(places.fields, random, field => !field.selectionSet)
    if (!node) return false
    node.selectionSet = ast.selectionSet([ast.field({ field: random.pick(['__typename', 'id', 'name']) })])
    return true
  },
  'object without selections': ({ places, random }) => {
    const node = pickWith(places.fields, random, field => field.selectionSet)
    if (!node) return false
    node.selectionSet = undefined
    return true
  },
  'two fields with one response key': ({ places, random }) => {
    const set = pickWith(places.sets, random, ({ selections }) => fieldsOf(selections).length > 1)
    if (!set) return false
    const [one, other] = random.shuffle(fieldsOf(set.selections))
    one.alias = ast.name((other.alias ?? other.name).value)
    return true
  },
  'one response key for fields of different sets': ({ places, random }) => {
    const [one, other] = [random.pick(places.fields).node, random.pick(places.fields).node]
    one.alias = ast.name((other.alias ?? other.name).value)
    return true
  },
  'selected again with another argument': ({ places, random }) => {
    const { node, parent } = random.pick(places.fields)
    const again = structuredClone(node)
    if (again.arguments.length > 0 && random.chance(0.7)) {
      const argument = random.pick(again.arguments)
      argument.value = random.pick([ast.int(4), ast.nullValue(), ast.string('other'), ast.boolean(false), ast.list([])])
    } else {
      again.arguments = [...again.arguments, ast.argument(random.pick(['first', 'last', 'upTo', 'after']), ast.int(4))]
    }
    parent.splice(random.below(parent.length + 1), 0, again)
    return true
  },
  'selected again with arguments in another order': ({ places, random }) => {
    const { node, parent } = random.pick(places.fields)
    const again = structuredClone(node)
    again.arguments = again.arguments.toReversed()
    const inner = again.arguments.map(({ value }) => value).find(({ kind }) => kind === Kind.OBJECT)
    if (inner) inner.fields = inner.fields.toReversed()
    parent.splice(random.below(parent.length + 1), 0, again)
    return true
  },
  'conflict below a field that is selected again': ({ places, random }) => {
    const set = pickWith(places.sets, random, ({ selections }) =>
      fieldsOf(selections).some(field => field.selectionSet),
    )
    if (!set) return false
    const again = structuredClone(random.pick(fieldsOf(set.selections).filter(field => field.selectionSet)))
    const below = fieldsOf(again.selectionSet.selections)
    if (below.length < 1) return false
    below.forEach(field => (field.alias = ast.name((below[0].alias ?? below[0].name).value)))
    again.directives = []
    const wrapped = random.chance(0.5) ? ast.inlineFragment(undefined, [], [again]) : again
    set.selections.splice(random.below(set.selections.length + 1), 0, wrapped)
    return true
  },
  'empty selection': ({ places, random }) => {
    random.pick(places.sets).node.selections = []
    return true
  },
}

const directiveChanges = {
  'unknown directive': ({ places, random }) => addDirective(places, random, ast.directive('nope', [])),
  'directive of type definitions': ({ places, random }) =>
    addDirective(places, random, ast.directive(random.pick(['deprecated', 'specifiedBy', 'oneOf']), [])),
  'directive given twice': ({ places, random }) => {
    const text = random.pick(['skip', 'include'])
    const twice = ast.directive(text, [ast.argument('if', ast.boolean(text === 'include'))])
    return addDirective(places, random, twice, structuredClone(twice))
  },
  'directive at the operation or a definition': ({ places, request, random }) => {
    const definition = random.pick(request.document.definitions)
    const node = random.chance(0.4) ? (definition.variableDefinitions?.[0] ?? definition) : definition
    node.directives = [ast.directive(random.pick(['skip', 'include', 'nope']), [ast.argument('if', ast.boolean(true))])]
    return places.fields.length > 0
  },
  'directive without its argument': ({ places, random }) =>
    addDirective(places, random, ast.directive(random.pick(['skip', 'include']), [])),
  'directive with another argument': ({ places, random }) => {
    const args = [ast.argument('if', ast.boolean(true)), ast.argument('unless', ast.boolean(true))]
    return addDirective(places, random, ast.directive('include', args.slice(random.below(2))))
  },
  'directive with its argument twice': ({ places, random }) => {
    const args = [ast.argument('if', ast.boolean(true)), ast.argument('if', ast.boolean(true))]
    return addDirective(places, random, ast.directive('include', args))
  },
  'condition that is not boolean': ({ places, random }) => {
    const value = random.pick([
      ast.nullValue(),
      ast.int(1),
      ast.string('true'),
      ast.enumValue('TRUE'),
      ast.list([ast.boolean(true)]),
    ])
    return addDirective(places, random, ast.directive(random.pick(['skip', 'include']), [ast.argument('if', value)]))
  },
}

function addDirective(places, random, ...directives) {
  const { node } = random.pick(random.chance(0.7) || places.spreads.length === 0 ? places.fields : places.spreads)
  node.directives = random.shuffle([...node.directives, ...directives])
  return true
}

export function fieldsOf(selections) {
  return selections.filter(({ kind }) => kind === Kind.FIELD)
}

/** Picks the node of a place, of those that a condition accepts. */
export function pickWith(places, random, accepts) {
  const accepted = places.filter(({ node }) => accepts(node))
  return accepted.length > 0 ? random.pick(accepted).node : undefined
}

const CHANGES = [
  selectionChanges,
  directiveChanges,
  valueChanges,
  fragmentChanges,
  variableChanges,
  documentChanges,
].flatMap(changes => Object.entries(changes).map(([label, apply]) => ({ label, apply })))
