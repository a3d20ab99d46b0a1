import { useClient } from '@urql/preact';
import { useEffect, useMemo } from 'preact/hooks';
import { connectionCount } from '../../api/connection';
import { createStore, type Store, useStore } from '../../lib/store';
import { type FreshnessCell, PAIR_CHANGES } from './documents';

/** One changed pair is read again per interval, so that hundreds of changes a second do not occupy the page. */
const PAIR_INTERVAL_MS = 150;

export const keyOf = ({ entityType, source }: Pick<FreshnessCell, 'entityType' | 'source'>) => `${entityType} ${source}`;

/** Per pair, how often its runs have begun or ended. */
export type PairSignals = (key: string) => Store<number>;

const increment = (store: Store<number>) => store.set(store.get() + 1);

export function usePairSignals(): PairSignals {
  const client = useClient();
  const stores = useMemo(() => new Map<string, Store<number>>(), []);
  const signalOf = useMemo<PairSignals>(
    () => (key) => {
      const store = stores.get(key) ?? createStore(0);
      stores.set(key, store);
      return store;
    },
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
      const [key] = changed;
      if (key === undefined) return;
      changed.delete(key);
      increment(signalOf(key));
    }, PAIR_INTERVAL_MS);
    return () => {
      clearInterval(timer);
      changes.unsubscribe();
    };
  }, [client]);

  return signalOf;
}
