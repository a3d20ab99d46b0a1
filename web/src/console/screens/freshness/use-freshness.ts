import { type CombinedError, useClient } from '@urql/preact';
import { useCallback, useLayoutEffect, useState } from 'preact/hooks';
import { connectionCount } from '../../api/connection';
import { useStore } from '../../lib/store';
import { FRESHNESS, FRESHNESS_CHANGED, type FreshnessCell } from './documents';
import { keyOf } from './pair-signals';

/** Changes are shown together. */
const FLUSH_INTERVAL_MS = 250;

type Cells = ReadonlyMap<string, FreshnessCell>;

const toCells = (cells: readonly FreshnessCell[]): Cells => new Map(cells.map((cell) => [keyOf(cell), cell]));

/** The state of every pair, and what changes in it. */
export function useFreshness() {
  const client = useClient();
  const [cells, setCells] = useState<Cells>();
  const [error, setError] = useState<CombinedError>();
  const [reading, setReading] = useState(0);
  const reload = useCallback(() => setReading((count) => count + 1), []);
  // Pairs that were deleted during an interruption are gone.
  const connections = useStore(connectionCount);

  // Before the browser paints: the answer is there sooner.
  useLayoutEffect(() => {
    const request = client.query(FRESHNESS, {}, { requestPolicy: 'network-only' }).subscribe(({ data, error }) => {
      setError(error);
      if (data?.syncFreshness) setCells(toCells(data.syncFreshness));
    });
    return () => request.unsubscribe();
  }, [client, reading, connections]);

  useLayoutEffect(() => {
    let changed: FreshnessCell[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const batch = changed;
      changed = [];
      setCells((former) => new Map([...(former ?? []), ...toCells(batch)]));
    };
    // Begins with the present state of every pair, also when it resumes.
    const changes = client.subscription(FRESHNESS_CHANGED, {}).subscribe(({ data }) => {
      if (data === undefined) return;
      changed.push(data.syncFreshnessChanged);
      timer ??= setTimeout(flush, FLUSH_INTERVAL_MS);
    });
    return () => {
      clearTimeout(timer);
      changes.unsubscribe();
    };
  }, [client]);

  return { cells, error, reload };
}
