// The comparison of a series of requests.

import { ConnectionClosed } from './channels.mjs'
import { findDifference } from './difference.mjs'
import { MutationPools, Pools } from './generator/pools.mjs'
import { generateRequest, toParameters } from './generator/request.mjs'
import { write } from './json.mjs'
import { Random } from './random.mjs'
import { reduceRequest } from './reduce.mjs'
import { MutationRoot } from './reference/mutations.mjs'
import { queryRoot } from './reference/queries.mjs'
import { refreshRuns } from './reference/refresh.mjs'
import { copySnapshot, readData } from './reference/snapshot.mjs'
import { subscriptionRoot } from './reference/subscriptions.mjs'
import { compareResponses } from './subscriptions.mjs'

/** Kinds of requests, by their weight. */
const KINDS = { query: 74, mutation: 16, subscription: 10 }
/** Transports of queries and mutations, by their weight. `json` is POST that accepts `application/json`. */
const TRANSPORTS = { post: 20, json: 2, get: 1, sse: 2, socket: 2 }

/** Compares the server with the reference. */
export class Comparison {
  constructor({ executor, snapshot, server, seed }) {
    Object.assign(this, { executor, snapshot, server, seed })
    this.pools = new Pools(snapshot)
    this.pools.typeNames = Object.keys(executor.schema.getTypeMap())
    this.pools.schemaTypes = executor.schema.getTypeMap()
  }

  /** Compares the requests with the numbers from 0: first those that only read, several at a time. */
  async run(count, concurrency, summary) {
    const numbers = Array.from({ length: count }, (_, index) => index)
    const mutations = numbers.filter(index => this.kindOf(index) === 'mutation')
    const others = numbers.filter(index => this.kindOf(index) !== 'mutation')
    const worker = async () => {
      while (others.length > 0) {
        const index = others.shift()
        summary.add(index, await this.compare(index))
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
    for (const index of mutations) summary.add(index, await this.compare(index))
  }

  /** Returns the kind of the request with a number. */
  kindOf(index) {
    return new Random(this.seed, index, 0).weighted(KINDS)
  }

  /** Generates the request with a number. */
  generate(index) {
    const kind = this.kindOf(index)
    const random = new Random(this.seed, index)
    const pools = kind === 'mutation' ? new MutationPools(this.snapshot, this.pools, random) : this.pools
    const request = generateRequest({ schema: this.executor.schema, pools, kind, random })
    const transport = kind === 'subscription' ? random.pick(['sse', 'socket']) : random.weighted(TRANSPORTS)
    return { label: request.label, kind, transport, ...toParameters(request, random) }
  }

  compare(index) {
    return this.compareParameters(this.generate(index))
  }

  /** Executes a request by both. Returns the outcome, and the difference if there is one. */
  async compareParameters(parameters) {
    const { query, variables, operationName } = parameters
    // An empty name is the same as none.
    const request = { query, operationName: operationName || undefined, variables: variables && JSON.parse(variables) }
    const isMutation = parameters.kind === 'mutation'
    const before = isMutation ? copySnapshot(this.snapshot) : this.snapshot
    const mutations = new MutationRoot(this.snapshot)
    const expected = await this.executor.execute(request, this.#root(mutations))
    const failingPaths = () => this.executor.failingPaths(request, this.#root(new MutationRoot(before)))
    const { actual, difference } = await this.#compareResponses(parameters, expected, failingPaths)
    const outcome = { parameters, actual, expected }
    if (isTooComplex(actual)) {
      if (isMutation) await this.#readAgain()
      return { ...outcome, outcome: 'too complex' }
    }
    const stateDifference = isMutation && (await refreshRuns(this.snapshot, mutations.touched, this.server.post))
    const found = difference ?? (stateDifference || undefined)
    if (isMutation && found) await this.#readAgain()
    return { ...outcome, outcome: outcomeOf(expected), difference: found }
  }

  /** Replaces the model after mutations whose effect is not known. */
  async #readAgain() {
    Object.assign(this.snapshot, await readData(this.server.post))
  }

  /** Returns the root fields of all operations. */
  #root(mutations) {
    return { ...queryRoot(this.snapshot), ...subscriptionRoot(this.snapshot), ...mutations }
  }

  async #compareResponses(parameters, ...expectation) {
    try {
      return await this.#compareOnce(parameters, ...expectation)
    } catch (error) {
      // A busy server closes WebSockets, and clients connect again. A mutation may have been executed.
      if (!(error instanceof ConnectionClosed) || parameters.kind === 'mutation') throw error
      return this.#compareOnce(parameters, ...expectation)
    }
  }

  async #compareOnce(parameters, expected, failingPaths) {
    if (!expected.events && parameters.kind !== 'subscription') {
      const isQuery = (expected.operation?.operation ?? 'query') === 'query'
      const actual = await this.server.send(parameters, isQuery)
      return { actual, difference: await findDifference(actual, expected, failingPaths) }
    }
    const channel = await this.server.open(parameters)
    try {
      return await compareResponses(channel, expected, this.executor, failingPaths)
    } finally {
      channel.close()
    }
  }

  /** Reduces the request of an example of a kind of difference. */
  reduce({ parameters }, kind) {
    // Repeated mutations meet another state.
    if (parameters.kind === 'mutation' && !/^(rejected|accepted)/.test(kind)) return parameters
    return reduceRequest(parameters, async candidate => {
      const { difference } = await this.compareParameters(candidate)
      return difference?.kind === kind
    })
  }

  /** Describes a request and both responses. */
  async explain(index) {
    const { parameters, difference, actual, expected } = await this.compare(index)
    const { data, errors, rejectedBy, message } = expected
    return [
      JSON.stringify(parameters, undefined, 2),
      parameters.query,
      write(actual),
      JSON.stringify({ rejectedBy, message, errors, data }),
      JSON.stringify(difference),
    ].join('\n')
  }
}

/** Returns whether a limit was exceeded, before or while a request was executed. */
function isTooComplex(response) {
  const errors = response.get('errors') ?? []
  return errors.some(error => error.get('extensions')?.get('code') === 'QUERY_TOO_COMPLEX')
}

function outcomeOf({ rejectedBy, errors, events, hasOtherErrors }) {
  if (rejectedBy) return 'rejected'
  if (events) return 'subscribed'
  if (hasOtherErrors) return 'executed with other errors below the same null'
  return errors ? 'executed with errors' : 'executed'
}
