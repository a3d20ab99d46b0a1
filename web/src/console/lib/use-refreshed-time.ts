import { useEffect, useState } from 'preact/hooks';
import { connectionCount } from '../api/connection';
import { useStore } from './store';

/** How often figures are computed again. */
const REFRESH_MS = 60_000;

/** The time at which figures are computed: again after each interval, and after an interruption. */
export function useRefreshedTime(): Date {
  const [now, setNow] = useState(() => new Date());
  const connections = useStore(connectionCount);
  useEffect(() => {
    if (connections > 1) setNow(new Date());
  }, [connections]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setNow(new Date());
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
