// Nodes of documents.

import { Kind } from 'graphql'

export const name = value => ({ kind: Kind.NAME, value })
export const int = value => ({ kind: Kind.INT, value: String(value) })
export const float = value => ({ kind: Kind.FLOAT, value: String(value) })
export const string = value => ({ kind: Kind.STRING, value })
export const boolean = value => ({ kind: Kind.BOOLEAN, value })
export const enumValue = value => ({ kind: Kind.ENUM, value })
export const nullValue = () => ({ kind: Kind.NULL })
export const list = values => ({ kind: Kind.LIST, values })
export const object = fields => ({ kind: Kind.OBJECT, fields })
export const objectField = (field, value) => ({ kind: Kind.OBJECT_FIELD, name: name(field), value })
export const variable = text => ({ kind: Kind.VARIABLE, name: name(text) })
export const argument = (text, value) => ({ kind: Kind.ARGUMENT, name: name(text), value })
export const directive = (text, args) => ({ kind: Kind.DIRECTIVE, name: name(text), arguments: args })
export const namedType = text => ({ kind: Kind.NAMED_TYPE, name: name(text) })
export const selectionSet = selections => ({ kind: Kind.SELECTION_SET, selections })
export const spread = (text, directives = []) => ({ kind: Kind.FRAGMENT_SPREAD, name: name(text), directives })

export function field({ alias, field: text, args = [], directives = [], selections }) {
  return {
    kind: Kind.FIELD,
    alias: alias ? name(alias) : undefined,
    name: name(text),
    arguments: args,
    directives,
    selectionSet: selections ? selectionSet(selections) : undefined,
  }
}

export function inlineFragment(condition, directives, selections) {
  return {
    kind: Kind.INLINE_FRAGMENT,
    typeCondition: condition ? namedType(condition) : undefined,
    directives,
    selectionSet: selectionSet(selections),
  }
}

export function fragmentDefinition(text, condition, selections) {
  return {
    kind: Kind.FRAGMENT_DEFINITION,
    name: name(text),
    typeCondition: namedType(condition),
    directives: [],
    selectionSet: selectionSet(selections),
  }
}

/** Calls a function for each node below a node, with its parent and key. */
export function walk(node, visit, parent, key) {
  if (Array.isArray(node)) {
    node.forEach((item, index) => walk(item, visit, node, index))
  } else if (node && typeof node === 'object') {
    if (node.kind) visit(node, parent, key)
    for (const [inner, value] of Object.entries(node)) walk(value, visit, node, inner)
  }
}
