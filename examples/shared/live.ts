// What live lists with cursors have in common, whichever client reads them.

import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { OrderDirection } from './graphql'

/** How long to wait after an error of a subscription, in milliseconds. */
const RETRY_DELAY = 2_000

/**
 * From where the subscription of a list begins. That is the `feedCursor` of its first page, and does not change when
 * the page is read again. A later page may be older than the changes that arrive while it is loaded; these are
 * delivered again by a new subscription. `restart` reads the list from its beginning.
 */
export function useFeedPosition(feedCursor: string | undefined, restart: () => void) {
  const [start, setStart] = useState<{ after: string }>()
  const received = useRef<string>(undefined)
  if (!start && feedCursor) setStart({ after: feedCursor })

  /** Notes the cursor of each change. */
  const onChange = useCallback((cursor: string) => {
    received.current = cursor
  }, [])

  // graphql-ws reconnects by itself. An error remains if the feed no longer has the changes after the cursor, or if the
  // server rejects the credentials.
  const timer = useRef<number>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const onError = useCallback(() => {
    clearTimeout(timer.current)
    timer.current = window.setTimeout(restart, RETRY_DELAY)
  }, [])

  /** Loads a further page. If that fails, the page can be requested again. */
  const withReplay = async (load: () => Promise<unknown>) => {
    const before = received.current ?? start?.after
    await load().catch(console.error)
    if (!before || !received.current || received.current === before) return
    received.current = before
    setStart({ after: before })
  }

  return useMemo(() => ({ after: start?.after, start, onChange, onError, withReplay }), [start])
}

interface Sortable {
  id: string
  startedAt: string
}

/** Where a run belongs in the loaded rows of a list; undefined if it belongs to a page that is not loaded. */
export function positionOf(run: Sortable, rows: Sortable[], direction: OrderDirection, hasNextPage: boolean) {
  // Times are UTC and have six decimals, so that their order is that of the text.
  const key = ({ id, startedAt }: Sortable) => `${startedAt} ${id}`
  const index = rows.findIndex(row => (direction === 'ASC' ? key(run) < key(row) : key(run) > key(row)))
  if (index >= 0) return index
  return hasNextPage ? undefined : rows.length
}
