// Adapts graphql-js's introspection to that of the server, which is apollo-compiler's.

import {
  __Directive,
  __DirectiveLocation,
  __Schema,
  __Type,
  GraphQLDeprecatedDirective,
  GraphQLSchema,
  isIntrospectionType,
} from 'graphql'

/** The order of types and directives, which the specification leaves open. Other types follow in the SDL's order. */
const SCALARS = ['Int', 'Float', 'String', 'Boolean', 'ID']
const DIRECTIVES = ['skip', 'include', 'deprecated', 'specifiedBy']
const TYPE_FIELDS = [
  'kind',
  'name',
  'description',
  'fields',
  'interfaces',
  'possibleTypes',
  'enumValues',
  'inputFields',
  'ofType',
  'specifiedByURL',
  'isOneOf',
]
const DIRECTIVE_FIELDS = ['name', 'description', 'locations', 'args', 'isRepeatable']

/** A location that is newer than the server's introspection. */
const NEWER_LOCATION = 'DIRECTIVE_DEFINITION'

/**
 * Returns a schema whose introspection is the server's. It lacks the directive `@oneOf`, deprecated directives, and the
 * fields of directives that describe their deprecation.
 */
export function adaptIntrospection(schema) {
  keepInOrder(__Type.getFields(), TYPE_FIELDS)
  keepInOrder(__Directive.getFields(), DIRECTIVE_FIELDS)
  __Schema.getFields().directives.args = []
  remove(__DirectiveLocation.getValues(), ({ name }) => name === NEWER_LOCATION)
  remove(GraphQLDeprecatedDirective.locations, location => location === NEWER_LOCATION)
  const directives = DIRECTIVES.map(name => schema.getDirective(name))
  const adapted = new GraphQLSchema({ ...schema.toConfig(), directives })
  const types = adapted.getTypeMap()
  const introspection = Object.values(types)
    .filter(isIntrospectionType)
    .map(type => type.name)
  const first = [...introspection, ...SCALARS]
  keepInOrder(types, [...first, ...Object.keys(types).filter(name => !first.includes(name))])
  return adapted
}

/** Keeps these keys of an object, in this order. */
function keepInOrder(object, keys) {
  const entries = keys.map(key => [key, object[key]])
  for (const key of Object.keys(object)) delete object[key]
  Object.assign(object, Object.fromEntries(entries))
}

function remove(items, matches) {
  const index = items.findIndex(matches)
  if (index >= 0) items.splice(index, 1)
}
