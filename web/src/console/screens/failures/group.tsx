import { useQuery } from '@urql/preact';
import type { RunFilter } from '../../api/graphql';
import { Bars } from '../../components/bars';
import { CopyButton } from '../../components/copy-button';
import { Ago } from '../../components/time';
import { fillBuckets, unitOf } from '../../lib/buckets';
import { formatCount, timeZone } from '../../lib/format';
import { pairLabel } from '../../lib/labels';
import { href } from '../../router';
import { formatQuery } from '../runs/run-query';
import type { StatisticsQuery } from '../statistics/statistics-query';
import { FAILURE_TREND, type FailureGroup } from './documents';

/** How many pairs are named. */
const MAX_PAIRS = 6;

interface Props {
  group: FailureGroup;
  query: StatisticsQuery;
  filter: RunFilter;
  now: Date;
}

/** One kind of failure: how often, since when, and where. */
export function Group({ group, query, filter, now }: Props) {
  const runs = formatQuery({
    failure: [group.fingerprint],
    entityType: query.entityType,
    source: query.source,
    started: query.period,
  });
  return (
    <li>
      <div class="what">
        <p class="pattern">
          {group.message === '' ? <span class="muted">Without a message</span> : <Pattern text={group.message} />}
        </p>
        <p class="where">
          {group.pairs.slice(0, MAX_PAIRS).map(({ entityType, source }) => (
            <a
              key={`${entityType} ${source}`}
              class="pair"
              href={href(formatQuery({ failure: [group.fingerprint], entityType: [entityType], source: [source] }))}
            >
              {pairLabel(entityType, source)}
            </a>
          ))}
          {group.pairs.length > MAX_PAIRS && <span class="muted">and {group.pairs.length - MAX_PAIRS} more</span>}
        </p>
      </div>
      <div class="when">
        <GroupTrend group={group} query={query} filter={filter} now={now} />
        <small class="muted">
          first <Ago iso={group.firstFailedAt} />, last <Ago iso={group.lastFailedAt} />
        </small>
      </div>
      <div class="which">
        <a class="count" href={href(runs)}>
          {formatCount(group.runs, 'run')}
        </a>
        <a href={href(`/runs/${group.sampleRun.id}`)}>Newest run</a>
        <CopyButton text={group.sampleRun.errorMessage ?? group.message} label="Copy" />
      </div>
    </li>
  );
}

/** A normalised message: what differs from run to run is a placeholder in angle brackets. */
function Pattern({ text }: { text: string }) {
  return (
    <>
      {text.split(/(<[a-z][a-z0-9 -]*>)/i).map((part, index) =>
        index % 2 === 1 ? (
          <i key={index} class="placeholder">
            {part}
          </i>
        ) : (
          part
        ),
      )}
    </>
  );
}

function GroupTrend({ group, query, filter, now }: Props) {
  const variables = {
    filter: { ...filter, errorFingerprint: [group.fingerprint] },
    bucket: unitOf(query.period),
    timeZone,
  };
  const [{ data }] = useQuery({ query: FAILURE_TREND, variables });
  const buckets = fillBuckets(data?.syncRunStats ?? [], query.period, now, { bucketStart: null, failed: 0 });
  return <Bars label={`Over time: ${formatCount(group.runs, 'run')}`} values={buckets.map(({ failed }) => failed)} />;
}
