import { useClient } from '@urql/preact';
import { useCallback, useEffect, useMemo, useRef } from 'preact/hooks';
import { ErrorNotice, Notice, Skeleton } from '../../components/states';
import { useKeys } from '../../lib/keyboard';
import { useStore } from '../../lib/store';
import { href, useLocation } from '../../router';
import { ReportingHelp } from './empty-state';
import { ExportMenu } from './export-menu';
import { FilterBar } from './filter-bar';
import { MAX_NEW, RunList } from './run-list';
import { formatQuery, isFiltered, parseQuery } from './run-query';
import { RunTable } from './run-table';
import { StatusTabs } from './status-tabs';
import { RunsHeadline } from './headline';

/** How often a list that nobody is using shows new runs by itself. */
const IDLE_INTERVAL_MS = 2_000;

export function RunsScreen() {
  const { search } = useLocation();
  const query = useMemo(() => parseQuery(search), [search]);
  const list = useRunList(search);
  const state = useStore(list.state);
  const table = useRef<HTMLDivElement>(null);
  const showNew = useCallback(() => {
    window.scrollTo({ top: 0 });
    void list.reload();
  }, [list]);
  useNewRunsWhileIdle(list, table);
  useKeys(useCallback((key: string) => key === 'n' && showNew(), [showNew]));

  return (
    <>
      <RunsHeadline list={list} />
      <div class="panel">
        <StatusTabs query={query} list={list} />
        <FilterBar query={query}>
          <ExportMenu list={list} />
          {state.newRuns > 0 && (
            <button type="button" class="chip new" onClick={showNew}>
              {state.newRuns > MAX_NEW ? `${MAX_NEW}+` : state.newRuns} new
            </button>
          )}
        </FilterBar>
        <div ref={table}>
          {state.rows.length > 0 ? (
            <RunTable list={list} query={query} />
          ) : state.status === 'failed' && state.error !== undefined ? (
            <ErrorNotice error={state.error} retry={() => void list.reload()} />
          ) : state.status === 'loading' ? (
            <Skeleton rows={12} />
          ) : isFiltered(query) ? (
            <Notice icon="ring" title="No run matches these filters">
              <a class="button" href={href('/runs')}>
                Show all runs
              </a>
            </Notice>
          ) : (
            <ReportingHelp />
          )}
        </div>
      </div>
    </>
  );
}

// Going back from a run shows the list as it was left.
let kept: { key: string; list: RunList; scrollY: number } | undefined;

function useRunList(search: string) {
  const client = useClient();
  const key = formatQuery(parseQuery(search));
  const list = useMemo(() => {
    if (kept?.key === key && kept.list.client === client) return kept.list;
    kept?.list.dispose();
    kept = { key, list: new RunList(client, parseQuery(search)), scrollY: 0 };
    return kept.list;
  }, [client, key]);
  useEffect(() => {
    if (kept?.list === list && kept.scrollY > 0) window.scrollTo(0, kept.scrollY);
    const remember = () => {
      if (kept?.list === list) kept.scrollY = window.scrollY;
    };
    addEventListener('scroll', remember, { passive: true });
    return () => removeEventListener('scroll', remember);
  }, [list]);
  return list;
}

/** Nothing moves under the pointer or the focus; a screen that is only looked at stays current by itself. */
function useNewRunsWhileIdle(list: RunList, table: { current: HTMLElement | null }) {
  useEffect(() => {
    const timer = setInterval(() => {
      const inUse = table.current?.matches(':hover') || table.current?.contains(document.activeElement);
      if (list.state.get().newRuns > 0 && !inUse && window.scrollY < 8) void list.reload();
    }, IDLE_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [list]);
}
