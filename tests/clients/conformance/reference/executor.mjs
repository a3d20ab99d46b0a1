// The reference: graphql-js executes requests over a snapshot of the server's data.

import {
  buildASTSchema,
  createSourceEventStream,
  execute,
  getOperationAST,
  GraphQLError,
  Kind,
  MaxIntrospectionDepthRule,
  parse,
  specifiedRules,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { adaptIntrospection } from './introspection.mjs'
import { defineScalars } from './scalars.mjs'

/** All rules of the specification. The depth of introspection is limited by graphql-js, not by the specification. */
const RULES = specifiedRules.filter(rule => rule !== MaxIntrospectionDepthRule)

const ASSUME_VALID = { assumeValid: true, assumeValidSDL: true }

/** Executes requests by graphql-js. */
export class ReferenceExecutor {
  /** `sdl` is the text of the schema. */
  constructor(sdl) {
    const definitions = parse(sdl)
    this.schema = defineScalars(adaptIntrospection(buildASTSchema(definitions)))
    this.validationSchema = defineScalars(adaptIntrospection(buildASTSchema(withTypeNames(definitions), ASSUME_VALID)))
    this.nullableSchema = defineScalars(adaptIntrospection(buildASTSchema(withNullableFields(definitions))))
  }

  /**
   * Parses and validates a document. Returns the document, or why it is rejected: the names of the rules that it
   * violates.
   */
  validate(text) {
    let document
    try {
      document = parse(text)
    } catch (error) {
      return { rejectedBy: 'syntax', message: error.message }
    }
    const [error] = this.#violations(document, RULES)
    if (error === undefined) return { document }
    const rejectedBy = RULES.filter(rule => this.#violations(document, [rule]).length > 0)
    return { rejectedBy: rejectedBy.map(rule => rule.name.replace(/Rule$/, '')).join(), message: error.message }
  }

  /** graphql-js throws if the root field of a subscription has a condition with a variable, which is not valid. */
  #violations(document, rules) {
    try {
      return validate(this.validationSchema, document, rules)
    } catch (error) {
      return [error]
    }
  }

  /** Executes a request over `root`, the functions and values of the root fields. */
  async execute({ query, variables, operationName }, root) {
    const { document, rejectedBy, message } = this.validate(query)
    if (rejectedBy) return { rejectedBy, message }
    const operation = getOperationAST(document, operationName)
    const request = { schema: this.schema, document, variableValues: variables, operationName }
    const result =
      operation?.operation === 'subscription'
        ? await subscribe({ ...request, rootValue: root })
        : await execute({ ...request, rootValue: root })
    if (result[Symbol.asyncIterator]) return { operation, events: result, request }
    if (!('data' in result)) return { rejectedBy: 'request', message: result.errors[0].message }
    return { operation, ...result }
  }

  /** Executes a subscription for one of its items. */
  executeItem({ request }, item) {
    return execute({ ...request, rootValue: item })
  }

  /** Returns the paths of all fields of an item that fail, as `failingPaths` does. */
  async failingPathsOfItem({ request }, item) {
    const { errors = [] } = await execute({ ...request, schema: this.nullableSchema, rootValue: item })
    return errors.map(error => error.path)
  }

  /**
   * Returns the paths of all fields that fail if no error affects another field. Fields that fail next to each other
   * may or may not all be reported if one of them is not nullable.
   */
  async failingPaths({ query, variables, operationName }, root) {
    const request = { schema: this.nullableSchema, variableValues: variables, operationName, rootValue: root }
    const failing = []
    for (const document of this.#independentParts(parse(query))) {
      const { errors = [] } = await execute({ ...request, document })
      failing.push(...errors)
    }
    return failing.map(error => error.path)
  }

  /** Divides a document: `__schema` is not nullable in any schema, so that its error would hide the others. */
  #independentParts(document) {
    const isSchema = ({ name }) => name.value === '__schema'
    const others = this.#withoutRootFields(document, isSchema)
    return [others, this.#withoutRootFields(document, field => !isSchema(field))].slice(0, others === document ? 1 : 2)
  }

  /** Removes the root fields of queries that meet a condition. */
  #withoutRootFields(document, condition) {
    const typeInfo = new TypeInfo(this.nullableSchema)
    const isRoot = () => typeInfo.getParentType() === this.nullableSchema.getQueryType()
    const Field = field => (isRoot() && condition(field) ? null : undefined)
    return visit(document, visitWithTypeInfo(typeInfo, { Field }))
  }
}

async function subscribe(request) {
  try {
    return await createSourceEventStream(request)
  } catch (error) {
    return { errors: [new GraphQLError(error.message)] }
  }
}

/** Lists `__typename` among the fields: graphql-js does not compare its type with that of a field of the same key. */
function withTypeNames(definitions) {
  const [{ fields }] = parse('type T { __typename: String! }').definitions
  const withTypeName = definition => ({ ...definition, fields: [...definition.fields, ...fields] })
  return visit(definitions, { ObjectTypeDefinition: withTypeName, InterfaceTypeDefinition: withTypeName })
}

/** Makes the types of all output fields nullable. */
function withNullableFields(definitions) {
  const nullable = type => {
    if (type.kind === Kind.NON_NULL_TYPE) return nullable(type.type)
    return type.kind === Kind.LIST_TYPE ? { ...type, type: nullable(type.type) } : type
  }
  return visit(definitions, { FieldDefinition: field => ({ ...field, type: nullable(field.type) }) })
}
