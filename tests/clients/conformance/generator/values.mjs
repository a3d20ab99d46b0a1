// Random values of input types, as literals and as variables.

import {
  getNullableType,
  GraphQLList,
  GraphQLNonNull,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
} from 'graphql'
import { boolean, enumValue, list, nullValue, object, objectField, variable } from './ast.mjs'

const LITERAL = { useVariables: false }
const MAX_FILTER_DEPTH = 3

/** Generates values, and the variables that they use. */
export class Values {
  /** The variables of the document by name: type, default value and hint. */
  variables = new Map()

  constructor(pools, random) {
    this.pools = pools
    this.random = random
  }

  /** Returns the value of an argument, or of an input field, at `hint`. */
  at(place, hint, depth = 0) {
    const hasDefault = place.defaultValue !== undefined
    const type = typeAt(place, hint)
    if (this.random.chance(depth === 0 ? 0.22 : 0.12)) return this.#variable(type, hasDefault, hint)
    return this.#value(type, hint, { useVariables: true, depth })
  }

  /** Returns a value of the argument `if` of `@skip` and `@include`. */
  condition(type) {
    if (this.random.chance(0.55)) return this.#variable(type, false, 'if')
    return boolean(this.random.chance(0.6))
  }

  #value(type, hint, options) {
    const { random } = this
    if (isNonNullType(type)) return this.#nonNull(type.ofType, hint, options)
    return random.chance(0.05) ? nullValue() : this.#nonNull(type, hint, options)
  }

  #nonNull(type, hint, options) {
    const { random } = this
    if (isListType(type)) return this.#list(type.ofType, hint, options)
    if (isEnumType(type)) return this.#enumValue(type, hint)
    if (isInputObjectType(type)) return this.#object(type, options)
    const value = this.pools.scalar(type.name, hint, random)
    if (options.useVariables && type.name === 'JSON' && random.chance(0.2)) return this.#withVariable(value)
    return value
  }

  /** `UNKNOWN` is not valid as input of mutations, and rare there. */
  #enumValue(type, hint) {
    const hinted = this.pools.hinted(hint, this.random)
    if (hinted?.kind === Kind.ENUM) return hinted
    const values = type.getValues().map(value => value.name)
    const isRare = name => name === 'UNKNOWN' && /Input\./.test(hint) && !this.random.chance(0.1)
    return enumValue(this.random.pick(values.filter(name => !isRare(name))))
  }

  #list(itemType, hint, options) {
    const { random } = this
    const item = () => {
      if (options.useVariables && random.chance(0.1)) return this.#variable(itemType, false, hint)
      return this.#value(itemType, hint, options)
    }
    // A single value is coerced to a list of one, unless it is null.
    if (random.chance(0.2)) {
      const single = this.#value(itemType, hint, options)
      if (single.kind !== Kind.NULL) return single
    }
    return list(Array.from({ length: Number(random.weighted({ 0: 1, 1: 4, 2: 4, 3: 2, 6: 1 })) }, item))
  }

  #object(type, options) {
    const { random } = this
    const depth = (options.depth ?? 0) + 1
    const isNested = field => /anyOf|not/.test(field.name)
    const fields = Object.values(type.getFields()).filter(field => {
      if (isNonNullType(field.type) && field.defaultValue === undefined) return true
      if (isNested(field) && depth > MAX_FILTER_DEPTH) return false
      return random.chance(shareOf(`${type.name}.${field.name}`))
    })
    const entries = random.shuffle(fields).map(field => {
      const hint = `${type.name}.${field.name}`
      const value = options.useVariables
        ? this.at(field, hint, depth)
        : this.#value(typeAt(field, hint), hint, { ...options, depth })
      return objectField(field.name, value)
    })
    return object(entries)
  }

  #withVariable(json) {
    if (!json.fields) return json
    const field = objectField('v', this.#variable(this.pools.schemaTypes.Int, false, 'json'))
    return object([...json.fields, field])
  }

  /** Returns a variable whose type is allowed where a value of `type` is expected. */
  #variable(type, hasDefault, hint) {
    const { random } = this
    const known = [...this.variables].filter(([, known]) => known.hint === hint && isAllowed(known, type, hasDefault))
    if (known.length > 0 && random.chance(0.6)) return variable(random.pick(known)[0])
    const declared = this.#declare(type, hasDefault, hint)
    const text = `${random.pick(['v', 'x', '_', 'is', 'on', 'type', 'null_'])}${this.variables.size}`
    this.variables.set(text, declared)
    return variable(text)
  }

  /** Returns the type and default value of a variable for a place. */
  #declare(type, hasDefault, hint) {
    const { random } = this
    const inner = isNonNullType(type) ? type.ofType : type
    const strict = random.chance(0.3) ? stricter(inner) : inner
    const mayBeNull = !isNonNullType(type) || hasDefault
    const defaultOf = declared => this.#value(declared, hint, LITERAL)
    if (mayBeNull && random.chance(0.6)) {
      return { type: strict, hint, defaultValue: random.chance(0.3) ? defaultOf(strict) : undefined }
    }
    if (random.chance(0.3)) return { type: strict, hint, defaultValue: this.#nonNull(strict, hint, LITERAL) }
    const required = new GraphQLNonNull(strict)
    return { type: required, hint, defaultValue: random.chance(0.25) ? defaultOf(required) : undefined }
  }

  /** Returns the values of variables by name; a variable may be omitted. */
  provide(names) {
    const { random } = this
    const provided = new Map()
    for (const text of names) {
      const { type, hint, defaultValue } = this.variables.get(text)
      const isRequired = isNonNullType(type)
      if (!(isRequired && defaultValue === undefined) && random.chance(0.35)) continue
      const isNull = !isRequired && random.chance(0.12)
      provided.set(text, isNull ? nullValue() : this.#nonNull(isRequired ? type.ofType : type, hint, LITERAL))
    }
    return provided
  }
}

/** Places that are never null: the server would choose the time. */
const NEVER_NULL = /^CreateSyncRunInput\.startedAt|^SyncEventInput\.timestamp/

/** Returns the type of values at a place. */
function typeAt({ type }, hint) {
  return NEVER_NULL.test(hint) ? new GraphQLNonNull(getNullableType(type)) : type
}

/** How often optional input fields are given. */
const SHARES = [
  [/^CreateSyncRunInput\.(id|startedAt)|^SyncEventInput\.(id|timestamp)/, 0.96],
  [/Input\.(details|triggeredById)/, 0.25],
  [/^SyncRunOrder/, 0.7],
  [/Range\./, 0.6],
  [/Filter\.(id|runId|triggeredById|idStartsWith)$/, 0.05],
  [/^SyncDetailsFilter/, 0.5],
  [/Filter\./, 0.15],
]

function shareOf(hint) {
  return SHARES.find(([pattern]) => pattern.test(hint))?.[1] ?? 0.4
}

/** Makes the items of a list non-null. */
function stricter(type) {
  return isListType(type) && !isNonNullType(type.ofType) ? new GraphQLList(new GraphQLNonNull(type.ofType)) : type
}

/** Returns whether a variable may be used where a value of `type` is expected. */
function isAllowed({ type: declared, defaultValue }, type, hasDefault) {
  if (!isNonNullType(type) || isNonNullType(declared)) return isSubtype(declared, type)
  const isNeverNull = defaultValue !== undefined && defaultValue.kind !== Kind.NULL
  return (isNeverNull || hasDefault) && isSubtype(declared, type.ofType)
}

function isSubtype(one, other) {
  if (isNonNullType(other)) return isNonNullType(one) && isSubtype(one.ofType, other.ofType)
  if (isNonNullType(one)) return isSubtype(one.ofType, other)
  if (isListType(other)) return isListType(one) && isSubtype(one.ofType, other.ofType)
  return !isListType(one) && one === other
}
