import { ConnectionHandler, type SelectorStoreUpdater } from 'relay-runtime'
import type { OrderDirection } from '../shared/graphql'
import { positionOf } from '../shared/live'
import type { RunListChangesSubscription$data } from './__generated__/RunListChangesSubscription.graphql'

/** Adds the run of a change to a list, or removes it. Relay has updated the rows of runs that stay. */
export function updaterOf(list: string, direction: OrderDirection): SelectorStoreUpdater<RunListChangesSubscription$data> {
  return (store, data) => {
    const connection = store.get(list)
    if (!connection || !data) return
    const { matchesFilter, runId, run } = data.syncRunChanged
    if (!matchesFilter || !run) return ConnectionHandler.deleteNode(connection, runId)

    const edges = connection.getLinkedRecords('edges') ?? []
    const rows = edges.map(edge => {
      const node = edge.getLinkedRecord('node')!
      return { id: node.getDataID(), startedAt: node.getValue('startedAt') as string }
    })
    if (rows.some(({ id }) => id === runId)) return
    const hasNextPage = connection.getLinkedRecord('pageInfo')?.getValue('hasNextPage') === true
    const index = positionOf(run, rows, direction, hasNextPage)
    const node = store.get(runId)
    if (index === undefined || !node) return
    const edge = ConnectionHandler.createEdge(store, connection, node, 'SyncRunEdge')
    connection.setLinkedRecords(edges.toSpliced(index, 0, edge), 'edges')
  }
}
