import { Component } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../../components/icon';
import { Progress } from '../../components/progress';
import { StatusTag } from '../../components/status-tag';
import { Time } from '../../components/time';
import type { RunOrderField } from '../../api/graphql';
import { formatAge, formatDuration, formatNumber } from '../../lib/format';
import { useKeys } from '../../lib/keyboard';
import { entityTypeLabel, isOpen, ORDERS, pairLabel, sourceLabel } from '../../lib/labels';
import { useStore } from '../../lib/store';
import { NARROW, useMedia } from '../../lib/use-media';
import { useNow } from '../../lib/use-now';
import { useVisibleRows } from '../../lib/virtual-rows';
import { href } from '../../router';
import type { RunRow } from './documents';
import type { ListedRun, RunList } from './run-list';
import { formatQuery, type RunQuery } from './run-query';

const ROW_HEIGHT = 41;
const CARD_HEIGHT = 96;
/** Another page is read when the end of the list is this many rows away. */
const PREFETCH_ROWS = 30;

const COLUMNS: { title: string; order?: RunOrderField; isNumber?: true }[] = [
  { title: 'Status', order: 'STATUS' },
  { title: 'Run', order: 'ENTITY_TYPE' },
  { title: 'Source', order: 'SOURCE' },
  { title: 'Started', order: 'STARTED_AT' },
  { title: 'Duration', order: 'DURATION', isNumber: true },
  { title: 'Processed', order: 'RECORDS_PROCESSED', isNumber: true },
  { title: 'Failed', order: 'RECORDS_FAILED', isNumber: true },
  { title: 'Error' },
];

export function RunTable({ list, query }: { list: RunList; query: RunQuery }) {
  const { rows, hasMore, isLoadingMore } = useStore(list.state);
  const rowHeight = useMedia(NARROW) ? CARD_HEIGHT : ROW_HEIGHT;
  const body = useRef<HTMLDivElement>(null);
  const { start, end } = useVisibleRows(body, rows.length, rowHeight);
  useEffect(() => {
    if (end > rows.length - PREFETCH_ROWS) void list.loadMore();
  }, [end, rows.length]);
  useRowKeys(body, rows.length, rowHeight);

  return (
    <>
      <div class="run-table" role="table" aria-label="Runs" aria-rowcount={hasMore ? -1 : rows.length + 1}>
        <div role="rowgroup">
          <div class="row head" role="row" aria-rowindex={1}>
            {COLUMNS.map((column) => (
              <Heading key={column.title} {...column} query={query} />
            ))}
          </div>
        </div>
        <div role="rowgroup" class="rows" ref={body} style={{ height: `${rows.length * rowHeight}px` }}>
          {rows.slice(start, end).map((row, offset) => (
            <Row key={row.run.id} row={row} index={start + offset} top={(start + offset) * rowHeight} />
          ))}
        </div>
      </div>
      {hasMore && (
        <button type="button" class="more" disabled={isLoadingMore} onClick={() => void list.loadMore()}>
          {isLoadingMore ? 'Loading…' : 'Load more'}
        </button>
      )}
    </>
  );
}

function Heading({ title, order, isNumber, query }: (typeof COLUMNS)[number] & { query: RunQuery }) {
  const className = isNumber ? 'n' : undefined;
  if (order === undefined) {
    return (
      <span role="columnheader" class={className}>
        {title}
      </span>
    );
  }
  const isCurrent = query.sort === order;
  const direction = isCurrent && query.direction === 'DESC' ? 'ASC' : 'DESC';
  const sorted = query.direction === 'ASC' ? 'ascending' : 'descending';
  return (
    <span role="columnheader" class={className} aria-sort={isCurrent ? sorted : undefined}>
      <a href={href(formatQuery({ ...query, sort: order, direction }))} title={`Sort: ${ORDERS[order][direction]}`}>
        {title}
        {isCurrent && <Icon name={query.direction === 'ASC' ? 'up' : 'down'} />}
      </a>
    </span>
  );
}

interface RowProps {
  row: ListedRun;
  index: number;
  top: number;
}

/** A row is rendered again only if its run has changed: a batch of changes concerns few of them. */
class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps) {
    return next.row !== this.props.row || next.index !== this.props.index || next.top !== this.props.top;
  }

  override render() {
    return renderRow(this.props);
  }
}

function renderRow({ row: { run, state }, index, top }: RowProps) {
  const style = { transform: `translateY(${top}px)` };
  return (
    <div class={`row ${state}`} role="row" aria-rowindex={index + 2} data-index={index} style={style}>
      <span role="cell" class="status">
        <StatusTag status={run.status} />
      </span>
      <span role="cell" class="name">
        <a href={href(`/runs/${run.id}`)}>{entityTypeLabel(run.entityType)}</a>
        <span class="narrow"> from {sourceLabel(run.source)}</span>
        {state !== 'listed' && <small class="muted"> {state === 'deleted' ? 'deleted' : 'no longer matches'}</small>}
      </span>
      <span role="cell" class="source">
        {sourceLabel(run.source)}
      </span>
      <span role="cell" class="started">
        <Time iso={run.startedAt} />
      </span>
      <span role="cell" class="duration n">
        <Duration run={run} />
      </span>
      <span role="cell" class="processed n">
        {formatNumber(run.recordsProcessed)}
      </span>
      <span role="cell" class={run.recordsFailed > 0 ? 'failed n some' : 'failed n muted'}>
        {formatNumber(run.recordsFailed)}
      </span>
      <span role="cell" class={run.status === 'FAILED' ? 'message err' : 'message'} title={run.errorMessage ?? undefined}>
        {run.errorMessage}
      </span>
    </div>
  );
}

function Duration({ run }: { run: RunRow }) {
  if (run.status === 'RUNNING' && run.progress === null) return <Elapsed since={run.startedAt} />;
  if (run.status === 'RUNNING') {
    return (
      <Progress
        processed={run.recordsProcessed}
        expected={run.recordsExpected}
        progress={run.progress}
        label={`Progress of ${pairLabel(run.entityType, run.source)}`}
      />
    );
  }
  if (isOpen(run.status) || run.durationSeconds === null) return <>–</>;
  return <>{formatDuration(run.durationSeconds)}</>;
}

/** How long a run has taken so far, of which it is not known how much it has to do. */
function Elapsed({ since }: { since: string }) {
  const now = useNow(1_000);
  return <span class="so-far">{formatAge((now - Date.parse(since)) / 1000)} so far</span>;
}

/** `j` and `k` move the focus from run to run; Enter then opens the link. */
function useRowKeys(body: { current: HTMLElement | null }, count: number, rowHeight: number) {
  // The row to focus, which may be rendered only after scrolling.
  const target = useRef<number>(undefined);
  const [, render] = useState({});
  useKeys(
    useCallback(
      (key: string) => {
        if (key !== 'j' && key !== 'k') return;
        const focused = document.activeElement?.closest<HTMLElement>('[data-index]')?.dataset.index;
        const current = target.current ?? (focused === undefined ? -1 : Number(focused));
        const next = Math.max(0, current + (key === 'j' ? 1 : -1));
        if (next >= count) return;
        const top = (body.current?.getBoundingClientRect().top ?? 0) + next * rowHeight;
        const hidden = Math.min(0, top - 140) || Math.max(0, top + 2 * rowHeight - window.innerHeight);
        if (hidden !== 0) window.scrollBy(0, hidden);
        target.current = next;
        render({});
      },
      [count, rowHeight],
    ),
  );
  useEffect(() => {
    if (target.current === undefined) return;
    const link = body.current?.querySelector<HTMLElement>(`[data-index="${target.current}"] a`);
    if (!link) return;
    link.focus({ preventScroll: true });
    target.current = undefined;
  });
}
