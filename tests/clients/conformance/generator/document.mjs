// Random valid documents: operations, selections and fragments.

import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isNonNullType,
  isObjectType,
  Kind,
  print,
  TypeNameMetaFieldDef,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
} from 'graphql'
import {
  argument,
  directive,
  field,
  fragmentDefinition,
  inlineFragment,
  name,
  selectionSet,
  spread,
  variable,
  walk,
} from './ast.mjs'
import { Values } from './values.mjs'

const MAX_DEPTH = 6
const MAX_SELECTIONS = 60
const ALIASES = ['a', 'b', 'c', 'd', 'e', 'on_', '_', 'true_', 'query', 'type', 'id', 'status', 'x1']
const FRAGMENT_NAMES = ['F', 'G', 'run', 'fragment', 'query', 'Node', '_', 'truE', 'null_']

/** Generates one document. */
export class Document {
  fragments = new Map()
  /** What each response key stands for, so that selections rarely conflict. */
  #keys = new Map()
  /** Fields that were selected, by type, so that they are selected again. */
  #selected = new Map()
  #count = 0

  constructor(schema, pools, random) {
    this.schema = schema
    this.random = random
    this.values = new Values(pools, random)
    this.ifType = schema.getDirective('skip').args[0].type
  }

  /** Returns an operation without its variable definitions. */
  operation(kind, text) {
    const type = this.schema.getRootType(kind)
    return {
      kind: Kind.OPERATION_DEFINITION,
      operation: kind,
      name: text ? name(text) : undefined,
      variableDefinitions: [],
      directives: [],
      selectionSet: selectionSet(kind === 'subscription' ? this.#singleField(type) : this.selections(type, 0)),
    }
  }

  /** Returns the selections of a subscription: one field, without conditions, which fragments may contain. */
  #singleField(type) {
    const { random } = this
    const unconditional = selection => ({ ...selection, directives: [] })
    const selections = [unconditional(this.#field(type, 0))]
    if (random.chance(0.2)) selections.push(unconditional(this.#again(type, 0)))
    if (random.chance(0.2)) return [inlineFragment(random.pick([type.name, undefined]), [], selections)]
    if (!random.chance(0.2)) return selections
    this.fragments.set('Root', { type, node: fragmentDefinition('Root', type.name, selections) })
    return [spread('Root')]
  }

  /** Returns the document of these operations, whose variables are defined. */
  finish(operations) {
    for (const operation of operations) {
      const used = this.variablesOf(operation)
      operation.variableDefinitions = this.random.shuffle([...used]).map(text => this.#definition(text))
    }
    const fragments = [...this.fragments.values()].map(({ node }) => node)
    return { kind: Kind.DOCUMENT, definitions: this.random.shuffle([...operations, ...fragments]) }
  }

  #definition(text) {
    const { type, defaultValue } = this.values.variables.get(text)
    return {
      kind: Kind.VARIABLE_DEFINITION,
      variable: variable(text),
      type: typeNode(type),
      defaultValue,
      directives: [],
    }
  }

  /** Returns the names of the variables that an operation or fragment uses, in the fragments that it spreads too. */
  variablesOf(node, used = new Set(), visited = new Set()) {
    walk(node, inner => {
      if (inner.kind === Kind.VARIABLE) used.add(inner.name.value)
      if (inner.kind === Kind.FRAGMENT_SPREAD && !visited.has(inner.name.value)) {
        visited.add(inner.name.value)
        this.variablesOf(this.fragments.get(inner.name.value).node, used, visited)
      }
    })
    return used
  }

  selections(type, depth) {
    const { random } = this
    const count = Number(random.weighted({ 1: 3, 2: 4, 3: 4, 4: 2, 6: 1, 9: 0.3 }))
    const selections = []
    do {
      const selection = this.#selection(type, depth)
      if (selection) selections.push(selection)
    } while ((selections.length < count && this.#count < MAX_SELECTIONS) || selections.length === 0)
    return selections
  }

  #selection(type, depth) {
    this.#count += 1
    const canNest = depth < MAX_DEPTH && this.#count < MAX_SELECTIONS
    const kind = this.random.weighted({ field: 10, again: 3, inline: canNest ? 2 : 0, spread: canNest ? 2 : 0 })
    if (kind === 'inline') return this.#inlineFragment(type, depth)
    if (kind === 'spread') return this.#spread(type, depth)
    return (kind === 'again' && this.#again(type, depth)) || this.#field(type, depth)
  }

  #inlineFragment(type, depth) {
    const { random } = this
    const condition = random.chance(0.3) ? undefined : random.pick(this.#conditions(type))
    const selections = this.selections(condition ?? type, depth + 1)
    return inlineFragment(condition?.name, this.directives(0.2), selections)
  }

  #spread(type, depth) {
    const { random } = this
    const conditions = this.#conditions(type)
    const known = [...this.fragments].filter(([, fragment]) => conditions.includes(fragment.type))
    if (known.length > 0 && random.chance(0.6)) return spread(random.pick(known)[0], this.directives(0.2))
    const condition = random.pick(conditions)
    const selections = this.selections(condition, depth + 1)
    const base = random.pick(FRAGMENT_NAMES)
    const text = this.fragments.has(base) ? `${base}${this.fragments.size}` : base
    this.fragments.set(text, { type: condition, node: fragmentDefinition(text, condition.name, selections) })
    return spread(text, this.directives(0.2))
  }

  /** Returns the types that fragments on a value of a type can have. */
  #conditions(type) {
    const possible = type => (isAbstractType(type) ? this.schema.getPossibleTypes(type) : [type])
    const composite = Object.values(this.schema.getTypeMap()).filter(isCompositeType)
    const overlapping = composite.filter(other => possible(other).some(one => possible(type).includes(one)))
    return [...overlapping, type]
  }

  #field(type, depth) {
    const definition = this.#pickField(type, depth)
    if (!definition) return undefined
    const args = this.#arguments(type, definition)
    const alias = this.#alias(definition, args)
    const selection = { alias, field: definition.name, args, definition }
    this.#remember(type, selection)
    return this.#select(selection, depth)
  }

  /** Selects a field once more, often with other selections. */
  #again(type, depth) {
    const before = this.#selected.get(type)
    return before && this.#select(this.random.pick(before), depth)
  }

  #select({ definition, ...selection }, depth) {
    const type = getNamedType(definition.type)
    const directives = this.directives(0.12)
    if (!isCompositeType(type)) return field({ ...selection, directives })
    if (depth >= MAX_DEPTH) return field({ ...selection, directives, selections: [field({ field: '__typename' })] })
    return field({ ...selection, directives, selections: this.selections(type, depth + 1) })
  }

  #remember(type, selection) {
    if (!this.#selected.has(type)) this.#selected.set(type, [])
    this.#selected.get(type).push(selection)
  }

  #pickField(type, depth) {
    const { random } = this
    if (type !== this.schema.getSubscriptionType() && random.chance(0.08)) return TypeNameMetaFieldDef
    if (type === this.schema.getQueryType() && random.chance(0.1)) {
      return random.pick([SchemaMetaFieldDef, TypeMetaFieldDef, TypeMetaFieldDef])
    }
    const fields = isObjectType(type) || isAbstractType(type) ? Object.values(type.getFields?.() ?? {}) : []
    const share = depth < 2 ? 0.6 : 0.35
    const isWanted = isCompositeWanted => one => isCompositeType(getNamedType(one.type)) === isCompositeWanted
    const wanted = fields.filter(isWanted(depth < MAX_DEPTH && random.chance(share)))
    return random.pick(wanted.length > 0 ? wanted : fields)
  }

  #arguments(type, definition) {
    const { random } = this
    const owner = definition === TypeMetaFieldDef ? 'Query' : type.name
    const given = definition.args.filter(arg => {
      if (isNonNullType(arg.type) && arg.defaultValue === undefined) return true
      return random.chance(shareOfArgument(arg, `${owner}.${definition.name}`, random))
    })
    if (given.some(arg => arg.name === 'first') && random.chance(0.95)) remove(given, 'last')
    if (given.some(arg => arg.name === 'offset') && random.chance(0.95)) {
      for (const cursor of ['after', 'before']) remove(given, cursor)
    }
    return random
      .shuffle(given)
      .map(arg => argument(arg.name, this.values.at(arg, `${owner}.${definition.name}.${arg.name}`)))
  }

  /** Returns an alias, or nothing if the field's name is the response key. */
  #alias(definition, args) {
    const { random } = this
    const meaning = `${definition.name}(${args.map(print)})`
    const isFree = key => !this.#keys.has(key) || this.#keys.get(key) === meaning || random.chance(0.02)
    const aliases = random.chance(0.25) ? [random.pick(ALIASES)] : []
    const candidates = [...aliases, definition.name, ...random.shuffle(ALIASES), `k${this.#keys.size}`]
    const key = candidates.find(isFree)
    this.#keys.set(key, meaning)
    return key === definition.name && random.chance(0.9) ? undefined : key
  }

  /** Returns `@skip` and `@include`, or neither. */
  directives(share) {
    const { random } = this
    if (!random.chance(share)) return []
    const names = random.weighted({ skip: 4, include: 5, 'skip include': 1, 'include skip': 1 }).split(' ')
    return names.map(text => directive(text, [argument('if', this.values.condition(this.ifType))]))
  }
}

function shareOfArgument({ name: text }, hint, random) {
  if (hint === 'Subscription.syncRunChanged') return text === 'after' ? 0.95 : 0.35
  if (hint === 'Subscription.syncEventAdded') return 0.3
  if (text === 'first') return 0.75
  if (text === 'last') return 0.12
  if (text === 'after' || text === 'before') return 0.12
  return random.pick([0.15, 0.4])
}

function remove(args, text) {
  const index = args.findIndex(arg => arg.name === text)
  if (index >= 0) args.splice(index, 1)
}

function typeNode(type) {
  if (isNonNullType(type)) return { kind: Kind.NON_NULL_TYPE, type: typeNode(type.ofType) }
  if (type.ofType) return { kind: Kind.LIST_TYPE, type: typeNode(type.ofType) }
  return { kind: Kind.NAMED_TYPE, name: name(type.name) }
}
