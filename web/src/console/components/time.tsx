import { formatAge, formatExact, formatPreciseTime, formatTime } from '../lib/format';
import { useNow } from '../lib/use-now';

/** A time in the viewer's zone; the exact instant is shown on hover. */
export function Time({ iso, precise = false }: { iso: string; precise?: boolean }) {
  const time = new Date(iso);
  return (
    <time dateTime={iso} title={formatExact(iso)}>
      {precise ? formatPreciseTime(time) : formatTime(time)}
    </time>
  );
}

/** How long ago something happened: "4 min ago". */
export function Ago({ iso }: { iso: string }) {
  const now = useNow(5_000);
  return (
    <time dateTime={iso} title={formatExact(iso)}>
      {formatAge((now - Date.parse(iso)) / 1000)} ago
    </time>
  );
}
