import { type CombinedError, useClient } from '@urql/preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { connectionCount } from '../../api/connection';
import { useStore } from '../../lib/store';
import { FRESHNESS, type FreshnessCell } from './documents';
import { keyOf, type PairSignals } from './pair-signals';

/** Pairs become late by time passing, too. */
const REFRESH_MS = 30_000;

/** The state of every pair: read again when runs have begun or ended, and after an interval. */
export function useFreshness(signals: PairSignals) {
  const client = useClient();
  const [cells, setCells] = useState<ReadonlyMap<string, FreshnessCell>>();
  const [error, setError] = useState<CombinedError>();
  const [reading, setReading] = useState(0);
  const reload = useCallback(() => setReading((count) => count + 1), []);
  const connections = useStore(connectionCount);
  const changes = useStore(signals.any);

  useEffect(() => {
    const request = client.query(FRESHNESS, {}, { requestPolicy: 'network-only' }).subscribe(({ data, error }) => {
      setError(error);
      if (data?.syncFreshness) setCells(new Map(data.syncFreshness.map((cell) => [keyOf(cell), cell])));
    });
    const timer = setTimeout(reload, REFRESH_MS);
    return () => {
      clearTimeout(timer);
      request.unsubscribe();
    };
  }, [client, reading, connections, changes]);

  return { cells, error, reload };
}
