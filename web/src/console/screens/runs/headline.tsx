import { useQuery } from '@urql/preact';
import { graphql } from '../../api/graphql';
import { formatCount, formatNumber } from '../../lib/format';
import type { RunList } from './run-list';
import { useRefreshWithChanges } from './use-refresh';

const NOW = graphql(`
  query RunsNow($since: DateTime!) {
    running: syncRuns(filter: { status: RUNNING }, first: 0) { totalCount }
    failed: syncRuns(filter: { status: FAILED, startedAt: { gte: $since } }, first: 0) { totalCount }
  }
`);

/** Start of the last 24 hours, rounded so that the query is the same for a while. */
const yesterday = () => new Date(Math.floor(Date.now() / 60_000) * 60_000 - 86_400_000).toISOString();

/** What people came to know: is something running, has something failed? */
export function RunsHeadline({ list }: { list: RunList }) {
  const [{ data }, refetch] = useQuery({ query: NOW, variables: { since: yesterday() } });
  useRefreshWithChanges(list, () => refetch({ requestPolicy: 'network-only' }));
  const running = data?.running?.totalCount;
  const failed = data?.failed?.totalCount;
  return (
    <>
      <h1>Runs</h1>
      <p class="sub">
        {typeof running === 'number' && typeof failed === 'number'
          ? `${running === 0 ? 'Nothing is running' : `${formatCount(running, 'run')} in progress`}; ${
              failed === 0 ? 'none' : formatNumber(failed)
            } failed in the last 24 hours.`
          : '\u00a0'}
      </p>
    </>
  );
}
