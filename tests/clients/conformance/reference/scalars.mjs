// The scalars of the API.

import { GraphQLError, Kind, valueFromASTUntyped } from 'graphql'
import { WrittenNumber } from '../json.mjs'

/** Stands for a value that the server chooses, such as the current time. */
export class ServerChosen {
  /** `pattern` describes the text or number; `comparable` is a text that is ordered as the value. */
  constructor(pattern, comparable = '') {
    this.pattern = pattern
    this.comparable = comparable
  }

  matches(value) {
    return this.pattern.test(value instanceof WrittenNumber ? value.text : value)
  }

  toString() {
    return this.comparable
  }
}

/** Sets how values of scalars are parsed and serialized. */
export function defineScalars(schema) {
  const types = schema.getTypeMap()
  const dateTime = types.DateTime
  dateTime.parseValue = parseDateTime
  dateTime.parseLiteral = node => parseDateTime(node.kind === Kind.STRING ? node.value : node.kind)
  types.JSON.parseLiteral = (node, variables) => valueFromASTUntyped(node, variables)
  for (const name of ['Float', 'String', 'ID', 'DateTime', 'JSON', 'FreshnessState']) passThrough(types[name])
  return schema
}

/** Serializes values that are kept as written, or chosen by the server, as they are. */
function passThrough(scalar) {
  const serialize = scalar.serialize.bind(scalar)
  scalar.serialize = value =>
    value instanceof ServerChosen || value instanceof WrittenNumber ? value : serialize(value)
}

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d+))?(?:Z|[+-]\d\d:\d\d)$/

/** Parses a date and time to the format of the API's output, which is ordered as text. */
export function parseDateTime(text) {
  const [, fraction = ''] = DATE_TIME.exec(text) ?? []
  const instant = DATE_TIME.test(text) ? new Date(text.replace(/\.\d+/, '')) : undefined
  if (!instant || Number.isNaN(instant.getTime())) throw new GraphQLError(`${text} is not a date and time`)
  return instant.toISOString().replace('.000Z', `.${fraction.padEnd(6, '0').slice(0, 6)}Z`)
}
