import { useQuery } from '@urql/preact';
import { useMemo } from 'preact/hooks';
import { graphql } from '../../api/graphql';
import { formatCount } from '../../lib/format';
import { PERIOD_LABELS, startOf } from '../../lib/period';
import { href } from '../../router';
import { formatQuery } from '../runs/run-query';

const PERIOD = '7d';

const FAILURE_OF_RUN = graphql(`
  query FailureOfRun($id: ID!) {
    syncFailureGroups(filter: { id: [$id] }, first: 1) {
      groups { fingerprint }
    }
  }
`);

const SAME_FAILURES = graphql(`
  query SameFailures($fingerprint: String!, $since: DateTime!) {
    syncRuns(filter: { errorFingerprint: [$fingerprint], startedAt: { gte: $since } }, first: 0) { totalCount }
  }
`);

/** How many runs have failed in the same way: "14 runs in the last 7 days". */
export function SameFailure({ runId }: { runId: string }) {
  const [{ data: found }] = useQuery({ query: FAILURE_OF_RUN, variables: { id: runId } });
  const fingerprint = found?.syncFailureGroups?.groups[0]?.fingerprint;
  const since = useMemo(() => startOf(PERIOD, new Date()).toISOString(), [runId]);
  const variables = { fingerprint: fingerprint ?? '', since };
  const [{ data }] = useQuery({ query: SAME_FAILURES, variables, pause: fingerprint === undefined });
  const count = data?.syncRuns?.totalCount;
  if (fingerprint === undefined || typeof count !== 'number') return <span class="muted">–</span>;
  return (
    <a href={href(formatQuery({ failure: [fingerprint], started: PERIOD }))}>
      {formatCount(count, 'run')} in the {PERIOD_LABELS[PERIOD]}
    </a>
  );
}
