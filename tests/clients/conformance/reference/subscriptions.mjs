// The root fields of subscriptions, over the known changes of a snapshot.

import { InputError, parseId, runFilter } from './lists.mjs'
import { Objects } from './queries.mjs'
import { ServerChosen } from './scalars.mjs'

/** On PostgreSQL, the cursor of an item also depends on the transactions that are open. */
const ANY_CURSOR = new ServerChosen(/^[\w-]+$/)

/**
 * Returns the root fields of subscriptions. Each returns the known items, as root values, and whether the
 * subscription completes after them.
 */
export function subscriptionRoot(snapshot) {
  const objects = new Objects(snapshot)
  const source = (items, completes) => Object.assign(iterate(items), { items, completes })
  return {
    syncRunChanged: ({ filter, kinds, after }) => {
      const matches = runFilter(filter)
      // Without a cursor, only later changes are delivered.
      const following = after == null ? [] : itemsAfter(snapshot.changes, after, snapshot.beginning)
      const selected = following.filter(change => kinds.includes(change.kind) && isSelected(change, matches))
      const items = selected.map(change => ({
        syncRunChanged: {
          ...change,
          cursor: ANY_CURSOR,
          matchesFilter: matches(change.afterwards),
          run: objects.run(change.runId),
        },
      }))
      return source(items, false)
    },
    syncEventAdded: ({ runId, after }) => {
      const run = snapshot.runs.get(parseId(runId))
      if (!run) throw new InputError('there is no such run')
      const following = itemsAfter(snapshot.addedEvents, after).filter(added => added.runId === run.id)
      const items = following.map(({ eventId }) => ({
        syncEventAdded: { cursor: ANY_CURSOR, event: objects.event(eventId) },
      }))
      return source(items, run.completedAt !== null)
    },
    syncFreshnessChanged: (args, _, { schema }) => {
      const items = objects.freshness(args, schema).map(row => ({ syncFreshnessChanged: row }))
      return source(items, false)
    },
  }
}

async function* iterate(items) {
  yield* items
}

function isSelected({ before, afterwards }, matches) {
  return matches(afterwards) || (before !== null && matches(before))
}

/** Returns the items after the one with a cursor. */
function itemsAfter(items, after, beginning) {
  if (after == null || after === beginning) return items
  const index = items.findIndex(({ cursor }) => cursor === after)
  if (index < 0) throw new InputError('the cursor is not of this subscription')
  return items.slice(index + 1)
}
