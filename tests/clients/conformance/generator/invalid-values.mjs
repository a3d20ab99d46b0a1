// Changes of values, as literals.

import { getNamedType, getNullableType, isEnumType, isInputObjectType, isNonNullType, Kind } from 'graphql'
import * as ast from './ast.mjs'
import { pickWith, replace } from './invalid.mjs'

export const valueChanges = {
  'value of another kind': ({ places, random }) => replaceValue(places, random, anyValue(random)),
  'value of another place': ({ places, random }) => {
    if (places.values.length === 0) return false
    return replaceValue(places, random, structuredClone(random.pick(places.values).node))
  },
  'null for a required value': ({ places, random }) => {
    const required = places.values.filter(({ type }) => isNonNullType(type))
    return required.length > 0 && replace(random.pick(required), ast.nullValue())
  },
  'number that is no Int': ({ places, random }) => {
    const value = random.pick([
      ast.int('2147483648'),
      ast.int('-2147483649'),
      ast.float('1.0'),
      ast.float('1e0'),
      ast.float('0.5'),
      ast.string('1'),
    ])
    return replaceTyped(places, random, 'Int', value)
  },
  'value that is no Float': ({ places, random }) =>
    replaceTyped(places, random, 'Float', random.pick([ast.string('1.5'), ast.boolean(true), ast.enumValue('INF')])),
  'value that is no ID': ({ places, random }) =>
    replaceTyped(
      places,
      random,
      'ID',
      random.pick([ast.float('1.5'), ast.boolean(true), ast.enumValue('A'), ast.object([])]),
    ),
  'value that is no String': ({ places, random }) =>
    replaceTyped(
      places,
      random,
      'String',
      random.pick([ast.int(1), ast.float('1.5'), ast.boolean(true), ast.enumValue('A')]),
    ),
  'value that is no Boolean': ({ places, random }) =>
    replaceTyped(
      places,
      random,
      'Boolean',
      random.pick([ast.int(1), ast.string('true'), ast.enumValue('TRUE'), ast.nullValue()]),
    ),
  'text that is no DateTime': ({ places, random }) =>
    replaceTyped(
      places,
      random,
      'DateTime',
      random.pick([ast.string('2026-11-23'), ast.string('yesterday'), ast.int(2026), ast.string('')]),
    ),
  'unknown enum value': ({ places, random }) => {
    const enums = places.values.filter(({ node, type }) => isEnumType(getNamedType(type)) && node.kind === Kind.ENUM)
    if (enums.length === 0) return false
    const place = random.pick(enums)
    const { value } = place.node
    return replace(
      place,
      random.pick([ast.enumValue('NOPE'), ast.string(value), ast.enumValue(value.toLowerCase()), ast.int(1)]),
    )
  },
  'unknown input field': ({ places, random }) => {
    const node = pickWith(places.values, random, ({ kind }) => kind === Kind.OBJECT)
    node?.fields.push(ast.objectField(random.pick(['nope', 'id', 'status', 'gte', '__typename']), ast.int(1)))
    return node !== undefined
  },
  'input field given twice': ({ places, random }) => {
    const node = pickWith(places.values, random, ({ kind, fields }) => kind === Kind.OBJECT && fields.length > 0)
    if (!node) return false
    const again = structuredClone(random.pick(node.fields))
    if (random.chance(0.5)) again.value = anyValue(random)
    node.fields = random.shuffle([...node.fields, again])
    return true
  },
  'input field left out': ({ places, random }) => {
    const node = pickWith(places.values, random, ({ kind, fields }) => kind === Kind.OBJECT && fields.length > 0)
    node?.fields.splice(random.below(node.fields.length), 1)
    return node !== undefined
  },
  'list of lists': ({ places, random }) => {
    const lists = places.values.filter(({ node }) => node.kind === Kind.LIST)
    if (lists.length === 0) return false
    const place = random.pick(lists)
    return replace(place, ast.list([place.node]))
  },
  'null in a list': ({ places, random }) => {
    const node = pickWith(places.values, random, ({ kind }) => kind === Kind.LIST)
    node?.values.push(ast.nullValue())
    return node !== undefined
  },
  'object for a scalar': ({ places, random }) => {
    const scalars = places.values.filter(({ type }) => type && !isInputObjectType(getNamedType(type)))
    return scalars.length > 0 && replace(random.pick(scalars), ast.object([ast.objectField('a', ast.int(1))]))
  },
}

function replaceValue(places, random, value) {
  return places.values.length > 0 && replace(random.pick(places.values), value)
}

function replaceTyped(places, random, type, value) {
  const typed = places.values.filter(place => place.type && getNullableType(place.type).name === type)
  return typed.length > 0 && replace(random.pick(typed), value)
}

/** Returns a small value of any kind. */
export function anyValue(random) {
  return random.pick([
    ast.int(random.pick([0, 1, -1, '2147483647', '2147483648', '-2147483649'])),
    ast.float(random.pick(['1.5', '1.0', '1e3', '-0.0'])),
    ast.string(random.pick(['x', '', '1', 'true', 'STATUS', '2026-11-23'])),
    ast.boolean(true),
    ast.enumValue('STATUS'),
    ast.nullValue(),
    ast.list([]),
    ast.list([ast.int(1)]),
    ast.object([]),
    ast.object([ast.objectField('id', ast.string('x'))]),
  ])
}
