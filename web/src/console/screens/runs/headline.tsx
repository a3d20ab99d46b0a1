import { useQuery } from '@urql/preact';
import { useEffect } from 'preact/hooks';
import { graphql } from '../../api/graphql';
import { formatCount } from '../../lib/format';
import { useStore } from '../../lib/store';
import type { RunList } from './run-list';

const NOW = graphql(`
  query RunsNow($since: DateTime!) {
    running: syncRuns(filter: { status: RUNNING }, first: 0) { totalCount }
    failed: syncRuns(filter: { status: FAILED, startedAt: { gte: $since } }, first: 0) { totalCount }
  }
`);

const REFRESH_MS = 5_000;

/** Start of the last 24 hours, rounded so that the query is the same for a while. */
const yesterday = () => new Date(Math.floor(Date.now() / 60_000) * 60_000 - 86_400_000).toISOString();

/** What people came to know: is something running, has something failed? */
export function RunsHeadline({ list }: { list: RunList }) {
  const [{ data }, refetch] = useQuery({ query: NOW, variables: { since: yesterday() } });
  const { changes } = useStore(list.state);
  const period = Math.floor(Date.now() / REFRESH_MS);
  useEffect(() => {
    if (changes === 0) return;
    const timer = setTimeout(() => refetch({ requestPolicy: 'network-only' }), 500);
    return () => clearTimeout(timer);
  }, [changes === 0, period]);
  const running = data?.running?.totalCount;
  const failed = data?.failed?.totalCount;
  return (
    <>
      <h1>Runs</h1>
      <p class="sub">
        {typeof running === 'number' && typeof failed === 'number'
          ? `${running === 0 ? 'Nothing is running' : `${formatCount(running, 'run')} in progress`}; ${
              failed === 0 ? 'none' : failed.toLocaleString('en')
            } failed in the last 24 hours.`
          : '\u00a0'}
      </p>
    </>
  );
}
