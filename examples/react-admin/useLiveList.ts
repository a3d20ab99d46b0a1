import { useListContext } from 'ra-core'
import { useEffect, useState } from 'react'
import { sockets } from '../shared/server'

const CHANGES = `subscription Changes($filter: SyncRunFilter, $after: String) {
  syncRunChanged(filter: $filter, kinds: [CREATED, STATUS, PROGRESS, DELETED], after: $after) { cursor }
}`

/** The least time between two requests of a list, and how long to wait after an error, in milliseconds. */
const INTERVAL = 200
const RETRY_DELAY = 2_000

/** Reads the page of a list again when runs that match its filter change. */
export function useLiveList() {
  const { filterValues, meta, refetch } = useListContext()
  const [attempt, setAttempt] = useState(0)
  const isRead = meta?.feedCursor !== undefined

  useEffect(() => {
    if (!isRead) return
    let timer: number | undefined
    const readAgain = () => {
      timer ??= window.setTimeout(() => {
        timer = undefined
        refetch()
      }, INTERVAL)
    }
    // The feed no longer has the changes after the cursor, for example: begins with those after a new one.
    const restart = () => {
      clearTimeout(timer)
      timer = window.setTimeout(async () => {
        await refetch()
        setAttempt(attempt + 1)
      }, RETRY_DELAY)
    }
    // The cursor may be that of an earlier page or filter: changes are then delivered that the list contains already.
    const variables = { filter: filterValues, after: meta.feedCursor }
    const unsubscribe = sockets.subscribe(
      { query: CHANGES, variables },
      { next: readAgain, error: restart, complete() {} },
    )
    return () => {
      unsubscribe()
      clearTimeout(timer)
    }
  }, [isRead, JSON.stringify(filterValues), attempt])
}
