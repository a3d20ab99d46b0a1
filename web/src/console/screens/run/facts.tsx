import type { ComponentChildren } from 'preact';
import { Progress } from '../../components/progress';
import { StatusTag } from '../../components/status-tag';
import { Ago, Time } from '../../components/time';
import { formatNumber, formatPercent } from '../../lib/format';
import { isOpen } from '../../lib/labels';
import type { RunDetails } from './documents';
import { SameFailure } from './same-failure';

const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </>
);

/** Who, when, and how much. */
export function Facts({ run }: { run: RunDetails }) {
  return (
    <dl class="facts">
      <Fact name="Status">
        <StatusTag status={run.status} />
      </Fact>
      {isOpen(run.status) && (
        <Fact name="Progress">
          <Progress
            processed={run.recordsProcessed}
            expected={run.recordsExpected}
            progress={run.progress}
            label="Progress"
          />{' '}
          {run.progress !== null && formatPercent(run.progress)}
        </Fact>
      )}
      <Fact name="Processed">
        {formatNumber(run.recordsProcessed)}
        {run.recordsExpected !== null && <span class="muted"> of {formatNumber(run.recordsExpected)}</span>}
      </Fact>
      <Fact name="Created">{formatNumber(run.recordsCreated)}</Fact>
      <Fact name="Updated">{formatNumber(run.recordsUpdated)}</Fact>
      <Fact name="Failed">
        <span class={run.recordsFailed > 0 ? 'some' : undefined}>{formatNumber(run.recordsFailed)}</span>
      </Fact>
      <Fact name="Started">
        <Time iso={run.startedAt} />
      </Fact>
      {run.completedAt !== null && (
        <Fact name="Ended">
          <Time iso={run.completedAt} />
        </Fact>
      )}
      {isOpen(run.status) && (
        <Fact name="Last report">
          <Ago iso={run.lastHeartbeatAt ?? run.updatedAt} />
        </Fact>
      )}
      {run.lostAt !== null && (
        <Fact name="Lost">
          <Time iso={run.lostAt} /> <span class="muted">closed, since its worker had stopped reporting</span>
        </Fact>
      )}
      {run.recoveredAt !== null && (
        <Fact name="Recovered">
          <Time iso={run.recoveredAt} /> <span class="muted">its worker reported this outcome after all</span>
        </Fact>
      )}
      {run.status === 'FAILED' && (
        <Fact name="Same failure">
          <SameFailure runId={run.id} />
        </Fact>
      )}
      <Fact name="Triggered by">
        {run.triggeredBy === null ? <span class="muted">the system</span> : run.triggeredBy.fullName}
      </Fact>
      {run.createdBy !== null && <Fact name="Created by">{run.createdBy}</Fact>}
      {run.endedBy !== null && <Fact name="Ended by">{run.endedBy}</Fact>}
    </dl>
  );
}
