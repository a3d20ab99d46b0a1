import { useQuery } from '@urql/preact';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../../components/icon';
import { ChipMenu, Choices } from '../../components/popover';
import { ENTITY_TYPES, entityTypeLabel, ORDERS, SOURCES, sourceLabel, STATUSES, statusLabel } from '../../lib/labels';
import type { RunOrderField } from '../../api/graphql';
import { href, navigate } from '../../router';
import { USER_NAMES } from './documents';
import { PeriodChoices, periodLabel } from './period-choices';
import { formatQuery, isFiltered, type RunQuery } from './run-query';
import { UserChoices } from './user-choices';

const joined = <T extends string>(values: readonly T[], labelOf: (value: T) => string) =>
  values.length === 0 ? undefined : values.map(labelOf).join(', ');

/** The filters, as chips that read as a sentence. */
export function FilterBar({ query, children }: { query: RunQuery; children: ComponentChildren }) {
  // The first change within a menu is a step back; those after it replace it.
  const hasChanged = useRef(false);
  const change = (changed: Partial<RunQuery>) => {
    navigate(formatQuery({ ...query, ...changed }), { replace: hasChanged.current });
    hasChanged.current = true;
  };
  const onOpen = () => {
    hasChanged.current = false;
  };
  const order = ORDERS[query.sort];
  return (
    <div class="bar" role="group" aria-label="Filters">
      <ErrorFilter value={query.error} onFocus={onOpen} onChange={(error) => change({ error })} />
      <ChipMenu label="Status" value={joined(query.status, statusLabel)} onOpen={onOpen}>
        <Choices
          options={STATUSES}
          selected={query.status}
          labelOf={statusLabel}
          onChange={(status) => change({ status })}
        />
      </ChipMenu>
      <ChipMenu label="Entity type" value={joined(query.entityType, entityTypeLabel)} onOpen={onOpen}>
        <Choices
          options={ENTITY_TYPES}
          selected={query.entityType}
          labelOf={entityTypeLabel}
          onChange={(entityType) => change({ entityType })}
        />
      </ChipMenu>
      <ChipMenu label="Source" value={joined(query.source, sourceLabel)} onOpen={onOpen}>
        <Choices
          options={SOURCES}
          selected={query.source}
          labelOf={sourceLabel}
          onChange={(source) => change({ source })}
        />
      </ChipMenu>
      <ChipMenu label="Started" value={periodLabel(query.started)} onOpen={onOpen}>
        <PeriodChoices value={query.started} onChange={(started) => change({ started })} />
      </ChipMenu>
      <ChipMenu label="Triggered by" value={useUserNames(query.triggeredBy)} onOpen={onOpen}>
        <UserChoices value={query.triggeredBy} onChange={(triggeredBy) => change({ triggeredBy })} />
      </ChipMenu>
      <ChipMenu
        label="Sort"
        value={
          query.sort === 'STARTED_AT' && query.direction === 'DESC'
            ? undefined
            : `${order.label}, ${order[query.direction]}`
        }
        onOpen={onOpen}
      >
        <OrderChoices query={query} onChange={change} />
      </ChipMenu>
      {query.failure.length > 0 && (
        <a class="chip on" href={href(formatQuery({ ...query, failure: [] }))} title="Show other failures, too">
          Failure <b>{query.failure.length === 1 ? 'the same' : `one of ${query.failure.length}`}</b>
          <Icon name="cross" />
        </a>
      )}
      {isFiltered(query) && (
        <a class="clear" href={href('/runs')}>
          Clear filters
        </a>
      )}
      <span class="end">{children}</span>
    </div>
  );
}

/** Typing filters after a pause. */
function ErrorFilter(props: { value: string; onFocus: () => void; onChange: (value: string) => void }) {
  const [text, setText] = useState(props.value);
  useEffect(() => setText(props.value), [props.value]);
  useEffect(() => {
    if (text === props.value) return;
    const timer = setTimeout(() => props.onChange(text), 300);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <input
      type="search"
      class={props.value === '' ? 'chip' : 'chip on'}
      placeholder="Error contains…"
      aria-label="Error contains"
      maxLength={500}
      value={text}
      data-filter
      onFocus={props.onFocus}
      onInput={(event) => setText(event.currentTarget.value)}
    />
  );
}

function OrderChoices({ query, onChange }: { query: RunQuery; onChange: (changed: Partial<RunQuery>) => void }) {
  return (
    <>
      {(Object.keys(ORDERS) as RunOrderField[]).map((sort) => (
        <label class="choice" key={sort}>
          <input type="radio" name="sort" checked={query.sort === sort} onChange={() => onChange({ sort })} />
          {ORDERS[sort].label}
        </label>
      ))}
      <hr />
      {(['DESC', 'ASC'] as const).map((direction) => (
        <label class="choice" key={direction}>
          <input
            type="radio"
            name="direction"
            checked={query.direction === direction}
            onChange={() => onChange({ direction })}
          />
          {ORDERS[query.sort][direction]}
        </label>
      ))}
    </>
  );
}

/** The names of the users of a filter, which the address has by their ids. */
function useUserNames(triggeredBy: RunQuery['triggeredBy']): string | undefined {
  const ids = triggeredBy === 'system' ? [] : triggeredBy;
  const [{ data }] = useQuery({ query: USER_NAMES, variables: { ids }, pause: ids.length === 0 });
  if (triggeredBy === 'system') return 'the system';
  if (ids.length === 0) return undefined;
  const users = data?.nodes.flatMap((node) => (node?.__typename === 'User' ? [node.fullName] : []));
  return users === undefined || users.length === 0 ? 'a user' : users.join(', ');
}
