// The SDL passes the linters of GraphQL schemas, is what introspection returns, breaks no client of the baseline, and fits the
// documented operations.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import graphqlEslint from '@graphql-eslint/eslint-plugin'
import { ChangeType, CriticalityLevel, diff, validate } from '@graphql-inspector/core'
import { Linter } from 'eslint'
import { Source, buildClientSchema, buildSchema, getIntrospectionQuery, printSchema } from 'graphql'
import schemaLinter from 'graphql-schema-linter'
import { report, request } from './helpers.mjs'

const ROOT = new URL('../../', import.meta.url)
const PATH = fileURLToPath(new URL('schema.graphql', ROOT))
const SDL = readFileSync(PATH, 'utf8')

/** What clients may rely on. See CONTRIBUTING.md. */
const BASELINE = buildSchema(readFileSync(new URL('schema-baseline.graphql', import.meta.url), 'utf8'))

const { configs } = graphqlEslint
const ESLINT_RULES = {
  ...configs['flat/schema-recommended'].rules,
  ...configs['flat/schema-relay'].rules,
  // `nodes` is a shortcut for `edges { node }`, and what a mutation changed is a list without pages.
  '@graphql-eslint/relay-edge-types': [
    'error',
    { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
  ],
  // These are values of a response, not objects with an identity.
  '@graphql-eslint/strict-id-in-types': [
    'error',
    {
      acceptedIdNames: ['id'],
      acceptedIdTypes: ['ID'],
      exceptions: {
        suffixes: ['Connection', 'Edge', 'Payload', 'Result'],
        types: ['PageInfo', 'SyncEventAdded', 'SyncFailureGroup', 'SyncFailureGroups', 'SyncFreshness', 'SyncPair', 'SyncRunChange', 'SyncRunStats', 'Viewer'],
      },
    },
  ],
}

/** The messages of ESLint's rules. */
function lint(sdl, path) {
  const configuration = {
    files: ['**/*.graphql'],
    plugins: { '@graphql-eslint': graphqlEslint },
    languageOptions: { parser: graphqlEslint.parser, parserOptions: { graphQLConfig: { schema: path } } },
    rules: ESLINT_RULES,
  }
  const messages = new Linter({ cwd: fileURLToPath(ROOT) }).verify(sdl, configuration, 'schema.graphql')
  return messages.map(({ line, ruleId, message }) => `${line}: ${message} (${ruleId})`)
}

/**
 * Which changes since the baseline break clients. Another default changes what existing requests mean; values that enums gain are
 * announced in docs/clients.md.
 */
async function breakingChanges(sdl) {
  const changes = await diff(BASELINE, buildSchema(sdl))
  const defaults = [ChangeType.FieldArgumentDefaultChanged, ChangeType.InputFieldDefaultValueChanged]
  const breaking = changes.filter(
    ({ type, criticality }) => criticality.level === CriticalityLevel.Breaking || defaults.includes(type),
  )
  return breaking.map(({ message }) => message)
}

/** The operations in the `graphql` blocks of the pages. */
function documentedOperations() {
  const pages = readdirSync(new URL('docs/', ROOT)).filter(name => name.endsWith('.md'))
  return pages.flatMap(name => {
    const page = readFileSync(new URL(`docs/${name}`, ROOT), 'utf8')
    return [...page.matchAll(/^```graphql\n(.*?)^```$/gms)].map(([, operation]) => new Source(operation, name))
  })
}

await report('schema', {
  'graphql-eslint finds nothing, by its recommended rules and those for Relay'() {
    assert.deepEqual(lint(SDL, PATH), [])
    assert.notDeepEqual(lint(SDL + '\ntype Unreachable { a: Int }\n', PATH), [])
  },

  'graphql-schema-linter finds nothing'() {
    const definition = { definition: SDL }
    const configuration = new schemaLinter.configuration.Configuration(definition)
    // Fields and values are in the order of their meaning.
    const rules = configuration.getRules().filter(({ name }) => !name.endsWith('SortedAlphabetically'))
    assert.equal(rules.length, 15)
    assert.deepEqual(schemaLinter.validator.validateSchemaDefinition(definition, rules, configuration), [])
  },

  async 'clients of the baseline keep working'() {
    assert.deepEqual(await breakingChanges(SDL), [])
    for (const [current, changed] of [
      ['feedCursor: String!', 'feedPosition: String!'],
      ['recordsProcessed: Int!', 'recordsProcessed: Int'],
      ['totalCount(', 'totalCount(exact: Boolean!, '],
      ['upTo: Int! = 10000', 'upTo: Int! = 1000'],
      ['search: String,', 'name: String,'],
      [/^\tEXTERNAL$/m, 'OTHER'],
      ['runId: ID!', 'runId: ID! priority: Int!'],
    ]) {
      const sdl = SDL.replace(current, changed)
      assert.notDeepEqual(await breakingChanges(sdl), [], `${current} is guarded`)
    }
  },

  async 'introspection returns the schema'() {
    const options = { schemaDescription: true, specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true }
    const introspected = buildClientSchema(await request(getIntrospectionQuery(options)))
    const committed = buildSchema(SDL)
    const changes = await diff(committed, buildSchema(printSchema(introspected)))
    assert.deepEqual(changes.map(({ message }) => message), [])
    assert.equal(introspected.description, committed.description)
    assert.match(introspected.getType('DateTime').specifiedByURL, /rfc3339$/)
  },

  'the documented operations are valid'() {
    const operations = documentedOperations()
    assert.ok(operations.length >= 10, `there are ${operations.length}`)
    const invalid = validate(buildSchema(SDL), operations)
    assert.deepEqual(invalid.map(({ source, errors }) => `${source.name}: ${errors.join(', ')}`), [])
  },
})
