import type { CombinedError } from '@urql/preact';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { errorCode } from '../api/client';
import { connection, connectionCount } from '../api/connection';
import { useViewer } from '../api/viewer';
import { useStore } from '../lib/store';
import { href } from '../router';
import { Icon, type IconName } from './icon';

interface NoticeProps {
  icon: IconName;
  tone?: 'off' | 'bad' | 'late' | 'ok';
  title: string;
  children?: ComponentChildren;
}

/** Stands where content would be, and says why there is none. */
export function Notice({ icon, tone = 'off', title, children }: NoticeProps) {
  return (
    <div class="notice" role={tone === 'bad' ? 'alert' : undefined}>
      <span class={`badge ${tone}`}>
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Why a screen cannot be shown, with what the viewer can do about it. */
export function ErrorNotice({ error, retry }: { error: CombinedError; retry: () => void }) {
  const code = errorCode(error);
  const count = useStore(connectionCount);
  const firstCount = useRef(count);
  const { status } = useStore(connection);
  // What failed while the server was away is read again when it is back.
  useEffect(() => {
    if (count !== firstCount.current && (code === undefined || code === 'UNAVAILABLE')) retry();
  }, [count]);
  if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') return <Forbidden />;
  if (code === undefined) {
    return (
      <Notice icon="cross" tone="bad" title={status === 'offline' ? 'You are offline' : 'The server does not respond'}>
        <p>This screen is loaded as soon as the connection is back.</p>
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      </Notice>
    );
  }
  const message = error.graphQLErrors[0]?.message ?? error.message;
  return (
    <Notice
      icon={code === 'QUERY_TOO_COMPLEX' ? 'clock' : 'cross'}
      tone={code === 'QUERY_TOO_COMPLEX' ? 'late' : 'bad'}
      title={code === 'QUERY_TOO_COMPLEX' ? 'This takes too long to compute' : 'Something went wrong'}
    >
      <p>{code === 'QUERY_TOO_COMPLEX' ? 'Choose a shorter period, or fewer filters.' : null}</p>
      <p class="muted">
        {message} ({code})
      </p>
      <button type="button" class="button" onClick={retry}>
        Try again
      </button>
    </Notice>
  );
}

function Forbidden() {
  const { viewer } = useViewer();
  const isKnown = viewer !== undefined && viewer.kind !== 'ANONYMOUS';
  return (
    <Notice icon="bar" title={isKnown ? 'You may not see this' : 'Sign in to see this'}>
      <p>
        {isKnown
          ? `${viewer.name ?? 'Your key'} lacks the scope “read”. Ask an administrator for another key.`
          : 'This server shows its runs to those who have an API key or an account.'}
      </p>
      <a class="button primary" href={href('/access')}>
        {isKnown ? 'Use another key' : 'Sign in'}
      </a>
    </Notice>
  );
}

/** Grey bars in the place of content that is being loaded. */
export function Skeleton({ rows, height = 40 }: { rows: number; height?: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} style={{ height: `${height}px` }}>
          <i style={{ width: `${30 + ((index * 37) % 50)}%` }} />
        </div>
      ))}
    </div>
  );
}
