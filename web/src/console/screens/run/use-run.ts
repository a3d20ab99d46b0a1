import { type CombinedError, useClient } from '@urql/preact';
import { useCallback, useLayoutEffect, useState } from 'preact/hooks';
import { errorCode } from '../../api/client';
import { RUN, RUN_CHANGED, type RunDetails } from './documents';

interface RunState {
  run: RunDetails | undefined;
  status: 'loading' | 'ready' | 'missing' | 'deleted' | 'failed';
  error: CombinedError | undefined;
}

/** A run, and what changes in it. */
export function useRun(id: string): RunState & { reload: () => void } {
  const client = useClient();
  const [state, setState] = useState<RunState>({ run: undefined, status: 'loading', error: undefined });
  const [reading, setReading] = useState(0);
  const reload = useCallback(() => setReading((count) => count + 1), []);

  // Before the browser paints: the answer is there sooner.
  useLayoutEffect(() => {
    let subscription: { unsubscribe(): void } | undefined;
    const follow = (after: string) => {
      subscription = client.subscription(RUN_CHANGED, { id, after }).subscribe(({ data, error }) => {
        if (errorCode(error) === 'CURSOR_EXPIRED') return reload();
        if (data === undefined) return;
        const { run } = data.syncRunChanged;
        setState((former) => {
          if (run === null) return { ...former, status: 'deleted' };
          if (former.run !== undefined && former.run.version >= run.version) return former;
          return { run, status: 'ready', error: undefined };
        });
      });
    };
    const request = client.query(RUN, { id }, { requestPolicy: 'network-only' }).subscribe(({ data, error }) => {
      const page = data?.syncRuns;
      if (!page) return setState((former) => ({ ...former, status: 'failed', error }));
      const [run] = page.nodes;
      setState({ run, status: run === undefined ? 'missing' : 'ready', error: undefined });
      subscription?.unsubscribe();
      follow(page.feedCursor);
    });
    return () => {
      request.unsubscribe();
      subscription?.unsubscribe();
    };
  }, [client, id, reading]);

  return { ...state, reload };
}
