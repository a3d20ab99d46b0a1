// Changes of fragments.

import { isCompositeType, Kind } from 'graphql'
import * as ast from './ast.mjs'

const typename = () => ast.field({ field: '__typename' })

export const fragmentChanges = {
  'unknown fragment': ({ places, random }) => {
    random.pick(places.sets).node.selections.push(ast.spread('Nope'))
    return true
  },
  'unused fragment': ({ request, random }) => {
    request.document.definitions.push(ast.fragmentDefinition('Unused', random.pick(['Query', 'SyncRun']), [typename()]))
    return true
  },
  'fragment defined twice': ({ request, places, random }) => {
    if (places.fragments.length === 0) return false
    request.document.definitions.push(structuredClone(random.pick(places.fragments).node))
    return true
  },
  'fragment that spreads itself': ({ places, random }) => {
    if (places.fragments.length === 0) return false
    const { node } = random.pick(places.fragments)
    node.selectionSet.selections.push(ast.spread(node.name.value))
    return true
  },
  'fragments that spread each other': ({ request, places, random }) => {
    const { node, type } = random.pick(places.sets)
    if (!type) return false
    const define = (text, other) => ast.fragmentDefinition(text, type.name, [typename(), ast.spread(other)])
    node.selections.push(ast.spread('One'))
    request.document.definitions.push(define('One', 'Other'), define('Other', 'One'))
    return true
  },
  'fragment on a type without fields': ({ request, places, random }) => {
    const condition = random.pick(['String', 'SyncStatus', 'SyncRunFilter', 'DateTime', 'Nope', 'query'])
    const { node } = random.pick(places.sets)
    if (random.chance(0.5)) {
      node.selections.push(ast.inlineFragment(condition, [], [typename()]))
    } else {
      node.selections.push(ast.spread('OnIt'))
      request.document.definitions.push(ast.fragmentDefinition('OnIt', condition, [typename()]))
    }
    return true
  },
  'fragment on another type': ({ schema, places, random }) => {
    const types = Object.values(schema.getTypeMap()).filter(isCompositeType)
    const { node } = random.pick(places.sets)
    node.selections.push(ast.inlineFragment(random.pick(types).name, [], [typename()]))
    return true
  },
  'spread of a fragment on another type': ({ places, random }) => {
    if (places.fragments.length === 0) return false
    const { node } = random.pick(places.sets)
    node.selections.push(ast.spread(random.pick(places.fragments).node.name.value))
    return true
  },
  'inline fragment without selections': ({ places, random }) => {
    const inline = places.spreads.filter(({ node }) => node.kind === Kind.INLINE_FRAGMENT)
    if (inline.length === 0) return false
    random.pick(inline).node.selectionSet.selections = []
    return true
  },
}
