// Changes of operations, and of the text of a document.

import { Kind, parse, print, TokenKind } from 'graphql'
import * as ast from './ast.mjs'
import { tokensOf } from './spelling.mjs'

export const documentChanges = {
  'operation defined twice': ({ request, places, random }) => {
    request.document.definitions.push(structuredClone(random.pick(places.operations).node))
    return true
  },
  'anonymous operation among others': ({ request, random }) => {
    const [operation] = parse(random.pick(['{ __typename }', 'query Other { __typename }'])).definitions
    request.document.definitions.push(operation)
    return true
  },
  'unknown operation name': ({ request, random }) => {
    request.operationName = random.pick(['Nope', '', 'q'])
    return true
  },
  'no operation name': ({ request }) => {
    const isGiven = request.operationName !== undefined
    request.operationName = undefined
    return isGiven
  },
  'no operation': ({ request }) => {
    const { definitions } = request.document
    const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
    request.document.definitions = fragments
    return fragments.length > 0
  },
  'type definition': ({ request, random }) => {
    const definitions = [
      'type T { a: Int }',
      'extend type Query { a: Int }',
      'scalar S',
      'directive @d on FIELD',
      'schema { query: Query }',
    ]
    request.document.definitions.push(...parse(random.pick(definitions)).definitions)
    return true
  },
  'operation of another kind': ({ places, random }) => {
    random.pick(places.operations).node.operation = random.pick(['query', 'mutation', 'subscription'])
    return true
  },
  'several root fields': ({ places, random }) => {
    const { node } = random.pick(places.operations)
    const more = [ast.field({ field: '__typename' }), structuredClone(node.selectionSet.selections[0])]
    if (more[1].alias) more[1].alias = ast.name(`${more[1].alias.value}_`)
    node.selectionSet.selections.push(...more.slice(random.below(2)))
    return true
  },
  'token left out': change => changeTokens(change, (tokens, index) => tokens.splice(index, 1)),
  'token given twice': change => changeTokens(change, (tokens, index) => tokens.splice(index, 0, tokens[index])),
  'tokens exchanged': change =>
    changeTokens(change, (tokens, index) => tokens.splice(index, 2, ...tokens.slice(index, index + 2).reverse())),
  'token replaced': change => changeTokens(change, (tokens, index) => (tokens[index] = change.random.pick(TOKENS))),
  'token inserted': change =>
    changeTokens(change, (tokens, index) => tokens.splice(index, 0, change.random.pick(TOKENS))),
  'text cut off': ({ request, random }) => {
    const text = print(request.document)
    request.query = text.slice(0, random.below(text.length))
    return true
  },
  'whole text': ({ request, random }) => {
    request.query = random.pick(TEXTS)
    return true
  },
}

/** Tokens, valid and invalid. */
const TOKENS = words(String.raw`
  { } ( ) [ ] : = ! | & @ $ ... .. . , # ? % ~ - + \ '
  a on true null query fragment $v @skip @skip(if:true) ...on $$v @@skip ä 💥
  0 -0 01 - -01 1. .5 1e 1e+ 1.e3 1a 1_ 0x1 1.5.5 +1 1e5 1.5E-3 00 0.0 -1e10 1..2 123abc 1" 2147483648 -2147483649
  "x" "" " "" """ """" """"" """x""" """x "\" "\x" "\u12" "\u{}" "\u{110000}" "\u{d800}" "\u{41" "\u{g}"
  "\ud83d" "\udca5" "\ud83d\ud83d" "\udca5\ud83d" "\ud83d\udca5" "\u{1f4a5}" "\u{00000041}" "\u{000000041}"
  """a\"""b""" """a\b""" """\u0041""" "\/" "\b\f\n\r\t" "\a"
`).concat(['\u0000', '\u0007', '"a\nb"', '"a\tb"', '"a\u0001b"', '"""a\u0001b"""', '"""\n  a\n    b\n"""', '"\u007f"'])

/** Whole documents. */
const TEXTS = [
  '',
  ' ',
  '#',
  ',,,',
  '\uFEFF',
  '\uFEFF{ __typename }',
  '{\r__typename\r\n}',
  '{ __typename # comment }',
].concat(
  lines(String.raw`
    {
    {}
    query
    query {}
    query Q
    query () { __typename }
    query Q() { __typename }
    query ($v) { __typename }
    query ($v:) { __typename }
    query ($v: Int = ) { __typename }
    query ($v: Int = $w) { syncRuns(first: $v) { totalCount } }
    query ($v: Int!!) { syncRuns(first: $v) { totalCount } }
    query ($v: [Int) { syncRuns(first: $v) { totalCount } }
    { viewer {} }
    { viewer() { name } }
    { viewer { name() } }
    { node(id:) { id } }
    { node(id "x") { id } }
    { ... }
    { ...on }
    { ... on }
    { ... on { __typename } }
    { ...on Query }
    { ...on Query {} }
    fragment on on Query { __typename } { __typename }
    fragment F { __typename } { ...F }
    fragment F on { __typename } { ...F }
    fragment F Query { __typename } { ...F }
    { a: }
    { :a }
    { a:b:c }
    { viewer { name } } }
    { viewer { name }
    {{ viewer { name } }}
    [ __typename ]
    null
    "text"
    1
    subscription { __typename }
    mutation { __typename }
    { __typename } { __typename }
    query Q { __typename } query Q { __typename }
    { __typename @include }
    { __typename @include() }
    { __typename @ include (if: true) }
    query @nope { __typename }
    { viewer { name, , , kind } }
    { _: __typename }
    { __typename: __typename }
    { __schema { queryType { name } } __type(name: "Query") { name } }
    mutation { __schema { queryType { name } } }
    subscription { __schema { queryType { name } } }
    extend schema @nope
    type T { a: Int }
  `),
)

function words(text) {
  return text.split(/\s+/).filter(Boolean)
}

function lines(text) {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(Boolean)
}

/** Changes the tokens of the document, at a random one of them. */
function changeTokens({ request, random }, change) {
  const tokens = tokensOf(print(request.document)).map(writeToken)
  change(tokens, random.below(tokens.length))
  request.query = tokens.join(' ')
  return true
}

function writeToken({ kind, value }) {
  if (value === undefined) return kind
  return kind === TokenKind.STRING || kind === TokenKind.BLOCK_STRING ? JSON.stringify(value) : value
}
