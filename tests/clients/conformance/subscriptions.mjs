// The comparison of the responses of a subscription, as far as they are known.

import { findDifference } from './difference.mjs'
import { write } from './json.mjs'

/** How many responses are compared. */
const MAX_RESPONSES = 4

/** How long a subscription without known items is expected to be silent, in milliseconds. */
const SILENCE = 150

/** How long a rejection may take before the request counts as accepted, in milliseconds. */
const REJECTION_TIMEOUT = 30_000

/** Compares the responses that a channel receives with those of the reference. Returns the last, and the difference. */
export async function compareResponses(channel, expected, executor, failingPaths) {
  if (!expected.events) {
    const { response: actual = new Map([['data', null]]) } = await channel.next(REJECTION_TIMEOUT)
    return { actual, difference: await findDifference(actual, expected, failingPaths) }
  }
  const { items, completes } = expected.events
  for (const item of items.slice(0, MAX_RESPONSES)) {
    const { response, ...other } = await channel.next()
    if (!response) return { actual: new Map(), difference: differs('no response', JSON.stringify(other)) }
    const result = await executor.executeItem(expected, item)
    const difference = await findDifference(response, result, () => executor.failingPathsOfItem(expected, item))
    if (difference) return { actual: response, difference }
  }
  return items.length > MAX_RESPONSES ? { actual: new Map() } : compareEnd(channel, completes)
}

async function compareEnd(channel, completes) {
  const { response, done } = await channel.next(completes ? undefined : SILENCE)
  const actual = response ?? new Map()
  if (response && !response.has('data')) return { actual, difference: await findDifference(response, {}) }
  if (response) return { actual, difference: differs('additional response', write(response)) }
  return { actual, difference: done || !completes ? undefined : differs('not completed', '') }
}

function differs(kind, detail) {
  return { kind: `stream: ${kind}`, detail }
}
