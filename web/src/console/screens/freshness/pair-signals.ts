import { useClient } from '@urql/preact';
import { useEffect, useMemo } from 'preact/hooks';
import { connectionCount } from '../../api/connection';
import { createStore, type Store, useStore } from '../../lib/store';
import { type FreshnessCell, PAIR_CHANGES } from './documents';

/** Pairs are read again together, so that hundreds of changes a second cost no more than a few. */
const FLUSH_INTERVAL_MS = 1_000;

export const keyOf = ({ entityType, source }: Pick<FreshnessCell, 'entityType' | 'source'>) => `${entityType} ${source}`;

/** How often runs have begun or ended: of a pair, and of any. */
export interface PairSignals {
  of(key: string): Store<number>;
  any: Store<number>;
}

const increment = (store: Store<number>) => store.set(store.get() + 1);

export function usePairSignals(): PairSignals {
  const client = useClient();
  const stores = useMemo(() => new Map<string, Store<number>>(), []);
  const signals = useMemo<PairSignals>(
    () => ({
      of(key) {
        const store = stores.get(key) ?? createStore(0);
        stores.set(key, store);
        return store;
      },
      any: createStore(0),
    }),
    [],
  );
  const connections = useStore(connectionCount);

  useEffect(() => {
    if (connections > 1) stores.forEach(increment);
  }, [connections]);

  useEffect(() => {
    const changed = new Set<string>();
    const changes = client.subscription(PAIR_CHANGES, {}).subscribe(({ data }) => {
      const run = data?.syncRunChanged.run;
      if (run) changed.add(keyOf(run));
    });
    const timer = setInterval(() => {
      if (changed.size === 0) return;
      for (const key of changed) increment(signals.of(key));
      changed.clear();
      increment(signals.any);
    }, FLUSH_INTERVAL_MS);
    return () => {
      clearInterval(timer);
      changes.unsubscribe();
    };
  }, [client]);

  return signals;
}
