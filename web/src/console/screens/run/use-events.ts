import { type CombinedError, useClient } from '@urql/preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { errorCode } from '../../api/client';
import { EVENT_ADDED, RUN_EVENTS, type RunEvent } from './documents';

const PAGE_SIZE = 100;
const FLUSH_INTERVAL_MS = 200;

interface EventsState {
  events: RunEvent[];
  isLoaded: boolean;
  hasEarlier: boolean;
  error: CombinedError | undefined;
}

const EMPTY: EventsState = { events: [], isLoaded: false, hasEarlier: false, error: undefined };

/** The last events of a run, and those that are added. */
export function useEvents(id: string) {
  const client = useClient();
  const [state, setState] = useState(EMPTY);
  const [reading, setReading] = useState(0);
  const startCursor = useRef<string | null>(null);

  useLayoutEffect(() => {
    setState(EMPTY);
    let subscription: { unsubscribe(): void } | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let added: RunEvent[] = [];
    const flush = () => {
      timer = undefined;
      const batch = added;
      added = [];
      setState((former) => ({ ...former, events: merge(former.events, batch) }));
    };
    const follow = (after: string) => {
      subscription = client.subscription(EVENT_ADDED, { id, after }).subscribe(({ data, error }) => {
        if (errorCode(error) === 'CURSOR_EXPIRED') return setReading((count) => count + 1);
        if (data === undefined) return;
        added.push(data.syncEventAdded.event);
        timer ??= setTimeout(flush, FLUSH_INTERVAL_MS);
      });
    };
    const variables = { id, last: PAGE_SIZE, before: null };
    const request = client.query(RUN_EVENTS, variables, { requestPolicy: 'network-only' }).subscribe(({ data, error }) => {
      const page = data?.syncRun?.events;
      if (!page) return setState((former) => ({ ...former, isLoaded: true, error }));
      startCursor.current = page.pageInfo.startCursor;
      setState({ events: page.nodes, isLoaded: true, hasEarlier: page.pageInfo.hasPreviousPage, error: undefined });
      subscription?.unsubscribe();
      follow(page.feedCursor);
    });
    return () => {
      clearTimeout(timer);
      request.unsubscribe();
      subscription?.unsubscribe();
    };
  }, [client, id, reading]);

  const loadEarlier = async () => {
    const variables = { id, last: PAGE_SIZE, before: startCursor.current };
    const { data, error } = await client.query(RUN_EVENTS, variables).toPromise();
    const page = data?.syncRun?.events;
    if (!page) return setState((former) => ({ ...former, error }));
    startCursor.current = page.pageInfo.startCursor;
    setState((former) => ({
      ...former,
      events: merge(former.events, page.nodes),
      hasEarlier: page.pageInfo.hasPreviousPage,
    }));
  };

  return { ...state, loadEarlier };
}

/** Adds events that are not there yet, in the order of their times. */
function merge(events: RunEvent[], added: readonly RunEvent[]): RunEvent[] {
  const known = new Set(events.map(({ id }) => id));
  const all = [...events, ...added.filter(({ id }) => !known.has(id))];
  // Stable: events of the same time stay in the order in which they were written.
  return all.sort((one, other) => one.timestamp.localeCompare(other.timestamp));
}
