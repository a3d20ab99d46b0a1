// Random requests: a document, the name of the operation, and variables.

import { Kind } from 'graphql'
import { Document } from './document.mjs'
import { makeInvalid } from './invalid.mjs'
import { spell } from './spelling.mjs'

const SHARE_OF_INVALID = 0.4
const OPERATION_NAMES = ['Q', 'query', 'Second', '_', 'null', 'true']

/** Returns a request whose operation is of the given kind: query, mutation or subscription. */
export function generateRequest({ schema, pools, kind, random }) {
  const document = new Document(schema, pools, random)
  const isNamed = random.chance(0.4)
  const several = isNamed && random.chance(0.15)
  const names = isNamed ? random.shuffle(OPERATION_NAMES).slice(0, several ? random.between(2, 3) : 1) : [undefined]
  const operations = names.map((name, index) => document.operation(index === 0 ? kind : 'query', name))
  const node = document.finish(operations)
  const variables = document.values.provide(document.variablesOf(operations[0]))
  const request = {
    document: node,
    variables,
    operationName: several || (isNamed && random.chance(0.5)) ? names[0] : undefined,
  }
  const label = random.chance(SHARE_OF_INVALID) ? makeInvalid(request, { schema, random }) : undefined
  return { ...request, label }
}

/** Returns the parameters of a request, as texts. */
export function toParameters({ document, query, variables, operationName }, random) {
  const text = query ?? spell(document, random)
  const none = random.chance(0.3) ? '{}' : random.chance(0.3) ? 'null' : undefined
  const entries = [...variables].map(([name, value]) => `${JSON.stringify(name)}: ${toJson(value, random)}`)
  return {
    query: text,
    operationName: operationName ?? (random.chance(0.2) ? null : undefined),
    variables: entries.length > 0 ? `{${entries.join(', ')}}` : none,
  }
}

/** Writes a literal as JSON, numbers in different ways. */
function toJson(node, random) {
  switch (node.kind) {
    case Kind.INT:
      return /^-?\d{1,9}$/.test(node.value)
        ? random.weighted({ [node.value]: 8, [`${node.value}.0`]: 1, [`${node.value}e0`]: 0.5 })
        : node.value
    case Kind.FLOAT:
      return node.value
    case Kind.LIST:
      return `[${node.values.map(value => toJson(value, random))}]`
    case Kind.OBJECT:
      return `{${node.fields.map(({ name, value }) => `${JSON.stringify(name.value)}: ${toJson(value, random)}`)}}`
    case Kind.NULL:
      return 'null'
    default:
      return JSON.stringify(node.value)
  }
}
