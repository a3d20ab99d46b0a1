import { useEffect, useRef } from 'preact/hooks';
import { useStore } from '../../lib/store';
import type { RunList } from './run-list';

/** Figures are read again at most this often. */
const REFRESH_MS = 3_000;

/** Calls `refresh` after changes of the list, at most once in an interval. */
export function useRefreshWithChanges(list: RunList, refresh: () => void) {
  const { changes } = useStore(list.state);
  const due = useRef(0);
  useEffect(() => {
    if (changes === 0) return;
    const timer = setTimeout(
      () => {
        due.current = Date.now() + REFRESH_MS;
        refresh();
      },
      Math.max(0, due.current - Date.now()),
    );
    return () => clearTimeout(timer);
  }, [list, changes]);
}
