import { useEffect, useRef, useState } from 'preact/hooks';
import type { VariablesOf } from '../../api/graphql';
import { ChipMenu } from '../../components/popover';
import { download, toCsv } from '../../lib/csv';
import { formatNumber } from '../../lib/format';
import { RUN_LIST, type RunRow } from './documents';
import type { RunList } from './run-list';

const PAGE_SIZE = 100;
/** More rows would not fit into memory comfortably; the API has them all. */
const MAX_ROWS = 50_000;

const COLUMNS = [
  'id',
  'entityType',
  'source',
  'status',
  'startedAt',
  'completedAt',
  'durationSeconds',
  'recordsProcessed',
  'recordsCreated',
  'recordsUpdated',
  'recordsFailed',
  'recordsExpected',
  'errorMessage',
] as const satisfies (keyof RunRow)[];

type Format = 'csv' | 'json';

/** Saves all runs that match the filters, loaded or not. */
export function ExportMenu({ list }: { list: RunList }) {
  const [progress, setProgress] = useState<string>();
  const current = useRef(list);
  current.current = list;
  useEffect(() => setProgress(undefined), [list]);

  const save = async (format: Format) => {
    setProgress('Reading…');
    try {
      const runs = await readAll(list, (count) => setProgress(`Read ${formatNumber(count)} runs…`), () => current.current !== list);
      if (current.current !== list) return;
      const name = `runs-${new Date().toISOString().slice(0, 16).replace(':', '')}.${format}`;
      if (format === 'csv') download(name, 'text/csv;charset=utf-8', asCsv(runs));
      else download(name, 'application/json', JSON.stringify(runs.map(asObject), null, 1));
      setProgress(
        runs.length >= MAX_ROWS
          ? `Saved the first ${formatNumber(MAX_ROWS)} runs; there are more.`
          : `Saved ${formatNumber(runs.length)} runs.`,
      );
    } catch (error) {
      setProgress(error instanceof Error ? error.message : 'The export failed.');
    }
  };

  return (
    <ChipMenu label="Export" value={undefined} onOpen={() => setProgress(undefined)}>
      <button type="button" class="button" onClick={() => void save('csv')}>
        CSV, for spreadsheets
      </button>
      <button type="button" class="button" onClick={() => void save('json')}>
        JSON
      </button>
      <p class="muted" role="status">
        {progress ?? 'All runs that match the filters'}
      </p>
    </ChipMenu>
  );
}

async function readAll({ client, filter, query }: RunList, report: (count: number) => void, isCancelled: () => boolean) {
  const runs: RunRow[] = [];
  let after: string | null = null;
  do {
    const orderBy = { field: query.sort, direction: query.direction };
    const variables: VariablesOf<typeof RUN_LIST> = { filter, orderBy, first: PAGE_SIZE, after };
    const { data, error } = await client.query(RUN_LIST, variables, { requestPolicy: 'network-only' }).toPromise();
    if (!data?.syncRuns) throw new Error(error?.graphQLErrors[0]?.message ?? 'The server does not respond.');
    const { nodes, pageInfo } = data.syncRuns;
    runs.push(...nodes);
    report(runs.length);
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null && runs.length < MAX_ROWS && !isCancelled());
  return runs;
}

const asObject = (run: RunRow) => ({
  ...Object.fromEntries(COLUMNS.map((column) => [column, run[column]])),
  triggeredBy: run.triggeredBy?.fullName ?? null,
});

const asCsv = (runs: readonly RunRow[]) =>
  toCsv(
    [...COLUMNS, 'triggeredBy'],
    runs.map((run) => [...COLUMNS.map((column) => run[column]), run.triggeredBy?.fullName]),
  );
