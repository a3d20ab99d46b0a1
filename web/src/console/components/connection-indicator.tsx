import { type Connection, connection, reconnectNow } from '../api/connection';
import { formatAge, formatClock } from '../lib/format';
import { useStore } from '../lib/store';
import { useNow } from '../lib/use-now';
import { href } from '../router';
import { Icon, type IconName } from './icon';

const WORDS: Record<Connection['status'], [word: string, icon: IconName]> = {
  connecting: ['Connecting', 'ring'],
  live: ['Live', 'dot'],
  reconnecting: ['Reconnecting', 'clock'],
  offline: ['Offline', 'cross'],
  rejected: ['Not signed in', 'bar'],
  ended: ['Session ended', 'bar'],
};

/** Whether the screen follows the server, and from when what it shows is. */
export function ConnectionIndicator() {
  const state = useStore(connection);
  const [word, icon] = WORDS[state.status];
  return (
    <span class={`connection ${state.status}`}>
      <Icon name={icon} />
      <span role="status">{word}</span>
      <Detail state={state} />
    </span>
  );
}

function Detail({ state: { status, since, asOf } }: { state: Connection }) {
  const now = useNow(1_000);
  if (status === 'live') return <span class="as-of">· as of {formatClock(new Date(asOf ?? since))}</span>;
  if (status === 'connecting' || status === 'rejected') return null;
  return (
    <>
      <span class="as-of">
        <span class="for">for {formatAge((now - since) / 1000)}, </span>
        {asOf === null ? 'nothing read yet' : `as of ${formatClock(new Date(asOf))}`}
      </span>
      {status === 'ended' ? (
        <a class="button small" href={href('/access')}>
          Sign in
        </a>
      ) : (
        <button type="button" class="button small" onClick={reconnectNow}>
          Retry now
        </button>
      )}
    </>
  );
}
