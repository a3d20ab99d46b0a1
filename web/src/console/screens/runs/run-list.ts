import type { Client, CombinedError } from '@urql/preact';
import { errorCode } from '../../api/client';
import type { RunFilter } from '../../api/graphql';
import { createStore } from '../../lib/store';
import { RUN_CHANGES, RUN_LIST, type RunChange, type RunRow } from './documents';
import { type RunQuery, toFilter } from './run-query';

const PAGE_SIZE = 100;
/** Changes are shown together, so that hundreds a second cost no more than a few. */
const FLUSH_INTERVAL_MS = 250;
/** How many new runs are counted one by one. */
export const MAX_NEW = 999;

/** A run of the list. A run that was deleted, or does not match any more, keeps its place until the list is read again. */
export interface ListedRun {
  run: RunRow;
  state: 'listed' | 'deleted' | 'unmatched';
}

export interface RunListState {
  rows: readonly ListedRun[];
  status: 'loading' | 'ready' | 'failed';
  error: CombinedError | undefined;
  hasMore: boolean;
  isLoadingMore: boolean;
  /** How many runs have appeared since the list was read. */
  newRuns: number;
  /** Grows with each batch of changes. */
  changes: number;
}

/** The runs of a query, and what changes in them. */
export class RunList {
  readonly filter: RunFilter;
  readonly state = createStore<RunListState>({
    rows: [],
    status: 'loading',
    error: undefined,
    hasMore: false,
    isLoadingMore: false,
    newRuns: 0,
    changes: 0,
  });
  #indexes = new Map<string, number>();
  #newIds = new Set<string>();
  #buffer = new Map<string, RunChange>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #endCursor: string | null = null;
  #subscription: { unsubscribe(): void } | undefined;
  #reading = 0;

  constructor(
    readonly client: Client,
    readonly query: RunQuery,
  ) {
    this.filter = toFilter(query, new Date());
    void this.reload();
  }

  /** Reads the first page. Until it is there, the former rows stay. */
  async reload() {
    const reading = ++this.#reading;
    const before = new Set(this.#newIds);
    const page = await this.#read(null);
    if (reading !== this.#reading) return;
    if (page === undefined) return;
    this.#indexes.clear();
    for (const id of before) this.#newIds.delete(id);
    for (const { id } of page.nodes) this.#newIds.delete(id);
    this.#endCursor = page.pageInfo.endCursor;
    const rows = this.#append([], page.nodes);
    this.#update({ rows, status: 'ready', error: undefined, hasMore: page.pageInfo.hasNextPage });
    this.#follow(page.feedCursor);
  }

  /** Reads the page after the last row. */
  async loadMore() {
    const { hasMore, isLoadingMore } = this.state.get();
    if (!hasMore || isLoadingMore) return;
    const reading = this.#reading;
    this.#update({ isLoadingMore: true });
    const page = await this.#read(this.#endCursor);
    if (reading !== this.#reading || page === undefined) return this.#update({ isLoadingMore: false });
    this.#endCursor = page.pageInfo.endCursor;
    const rows = this.#append(this.state.get().rows, page.nodes);
    this.#update({ rows, hasMore: page.pageInfo.hasNextPage, isLoadingMore: false });
  }

  dispose() {
    this.#reading += 1;
    clearTimeout(this.#timer);
    this.#subscription?.unsubscribe();
  }

  async #read(after: string | null) {
    const { sort, direction } = this.query;
    const variables = { filter: this.filter, orderBy: { field: sort, direction }, first: PAGE_SIZE, after };
    const result = await this.client.query(RUN_LIST, variables, { requestPolicy: 'network-only' }).toPromise();
    if (result.data?.syncRuns) return result.data.syncRuns;
    this.#update({ status: 'failed', error: result.error });
    return undefined;
  }

  /** Adds runs that are not listed yet. */
  #append(rows: readonly ListedRun[], runs: readonly RunRow[]): ListedRun[] {
    const all = [...rows];
    for (const run of runs) {
      if (this.#indexes.has(run.id)) continue;
      this.#indexes.set(run.id, all.length);
      this.#newIds.delete(run.id);
      all.push({ run, state: 'listed' });
    }
    return all;
  }

  /** Follows the changes after a position of the feed. One subscription serves all readings of the list. */
  #follow(after: string) {
    if (this.#subscription !== undefined) return;
    const changes = this.client.subscription(RUN_CHANGES, { filter: this.filter, after });
    this.#subscription = changes.subscribe(({ data, error }) => {
      if (error !== undefined) return this.#restart(error);
      if (data !== undefined) this.#receive(data.syncRunChanged);
    });
  }

  #restart(error: CombinedError) {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    if (errorCode(error) === 'CURSOR_EXPIRED') void this.reload();
  }

  #receive(change: RunChange) {
    if (this.#appears(change)) this.#newIds.add(change.runId);
    else if (!change.matchesFilter) this.#newIds.delete(change.runId);
    // Of the changes of one run, the last one counts.
    this.#buffer.set(change.runId, change);
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_INTERVAL_MS);
  }

  /** Whether a run that is not listed would now be, as opposed to one that is further down. */
  #appears({ runId, kind, previousStatus, matchesFilter }: RunChange) {
    if (!matchesFilter || this.#indexes.has(runId) || this.#newIds.size > MAX_NEW) return false;
    if (kind === 'CREATED') return true;
    const { status } = this.query;
    return kind === 'STATUS' && status.length > 0 && previousStatus !== null && !status.includes(previousStatus);
  }

  #flush() {
    this.#timer = undefined;
    const rows = [...this.state.get().rows];
    for (const change of this.#buffer.values()) this.#apply(rows, change);
    this.#buffer.clear();
    this.#update({ rows, changes: this.state.get().changes + 1 });
  }

  #apply(rows: ListedRun[], { runId, run, matchesFilter }: RunChange) {
    const index = this.#indexes.get(runId);
    const row = index === undefined ? undefined : rows[index];
    if (index === undefined || row === undefined) return;
    if (run === null) rows[index] = { ...row, state: 'deleted' };
    else if (run.version > row.run.version) rows[index] = { run, state: matchesFilter ? 'listed' : 'unmatched' };
  }

  #update(changed: Partial<RunListState>) {
    this.state.set({ ...this.state.get(), ...changed, newRuns: this.#newIds.size });
  }
}
