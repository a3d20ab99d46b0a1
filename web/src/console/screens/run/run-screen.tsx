import { ErrorNotice, Notice, Skeleton } from '../../components/states';
import { Time } from '../../components/time';
import { CopyButton } from '../../components/copy-button';
import { formatDuration } from '../../lib/format';
import { isOpen, pairLabel, statusLabel } from '../../lib/labels';
import { useNow } from '../../lib/use-now';
import { href } from '../../router';
import { formatQuery } from '../runs/run-query';
import { CancelButton } from './cancel-button';
import type { RunDetails } from './documents';
import { Facts } from './facts';
import { Timeline } from './timeline';
import { useRun } from './use-run';
import { useUsualDuration } from './use-usual-duration';
import { JsonTree } from '../../components/json-tree';

export function RunScreen({ id }: { id: string }) {
  const { run, status, error, reload } = useRun(id);
  if (run === undefined) {
    if (status === 'failed' && error !== undefined) {
      return <div class="panel"><ErrorNotice error={error} retry={reload} /></div>;
    }
    if (status === 'missing' || status === 'failed') return <Missing id={id} />;
    return <Loading />;
  }
  return (
    <article>
      <Headline run={run} isDeleted={status === 'deleted'} />
      {run.errorMessage !== null && <ErrorMessage text={run.errorMessage} />}
      <div class="two">
        <section class="panel" aria-label="Events">
          <Timeline run={run} />
        </section>
        <div>
          <section class="panel" aria-label="Facts">
            <Facts run={run} />
          </section>
          {run.details !== null && Object.keys(run.details).length > 0 && (
            <section class="panel" aria-label="Details">
              <div class="panel-head">
                <h2>Details</h2>
                <CopyButton text={JSON.stringify(run.details, null, 2)} label="Copy JSON" />
              </div>
              <JsonTree value={run.details} />
            </section>
          )}
        </div>
      </div>
    </article>
  );
}

function Headline({ run, isDeleted }: { run: RunDetails; isDeleted: boolean }) {
  const history = formatQuery({ entityType: [run.entityType], source: [run.source] });
  return (
    <div class="headline">
      <div>
        <h1>
          {pairLabel(run.entityType, run.source)} · {isDeleted ? 'deleted' : statusLabel(run.status).toLowerCase()}
        </h1>
        <p class="sub">
          <span class="id">{run.id}</span> <CopyButton text={run.id} label="Copy id" />
          <br />
          Started <Time iso={run.startedAt} />
          {startedBy(run)} · <Comparison run={run} />
        </p>
      </div>
      <div class="actions">
        <a class="button" href={href(history)}>
          History of this pair
        </a>
        {isOpen(run.status) && !isDeleted && <CancelButton run={run} />}
      </div>
    </div>
  );
}

function startedBy(run: RunDetails) {
  const name = run.triggeredBy?.fullName ?? run.createdBy;
  return name === null ? '' : ` by ${name}`;
}

/** The duration against the usual one: "41 s, usually 38 s". */
function Comparison({ run }: { run: RunDetails }) {
  const now = useNow(1_000);
  const usual = useUsualDuration(run);
  const duration = isOpen(run.status) ? Math.max(0, (now - Date.parse(run.startedAt)) / 1000) : run.durationSeconds;
  if (run.status === 'PENDING') return <>waiting for {formatDuration(Math.floor(duration ?? 0))}</>;
  if (duration === null) return <>no duration</>;
  const text = formatDuration(isOpen(run.status) ? Math.floor(duration) : duration);
  return (
    <>
      {isOpen(run.status) ? `running for ${text}` : text}
      {usual !== undefined && `, usually ${formatDuration(usual.p50)}`}
      {usual !== undefined && duration > 1.5 * Math.max(usual.p95, 1) && <b class="slow"> – slower than usual</b>}
    </>
  );
}

function ErrorMessage({ text }: { text: string }) {
  return (
    <section class="panel error" aria-label="Error">
      <pre>{text}</pre>
      <CopyButton text={text} label="Copy error" />
    </section>
  );
}

function Missing({ id }: { id: string }) {
  return (
    <div class="panel">
      <Notice icon="ring" title="There is no such run">
        <p>It may have been deleted, or the address is incomplete: {id}</p>
        <a class="button" href={href('/runs')}>
          Show all runs
        </a>
      </Notice>
    </div>
  );
}

function Loading() {
  return (
    <div aria-busy="true">
      <h1>&nbsp;</h1>
      <p class="sub">&nbsp;</p>
      <div class="two">
        <div class="panel">
          <Skeleton rows={8} />
        </div>
        <div class="panel">
          <Skeleton rows={8} />
        </div>
      </div>
    </div>
  );
}
