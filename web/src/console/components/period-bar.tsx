import type { EntityType, Source } from '../api/graphql';
import { ENTITY_TYPES, entityTypeLabel, SOURCES, sourceLabel } from '../lib/labels';
import { type Period, PERIOD_LABELS, PERIODS } from '../lib/period';
import { ChipMenu, Choices } from './popover';

interface Selection {
  period: Period;
  entityType: EntityType[];
  source: Source[];
}

interface Props {
  query: Selection;
  onChange: (changed: Partial<Selection>) => void;
}

/** The period that a screen is about, and the pairs. */
export function PeriodBar({ query, onChange }: Props) {
  return (
    <div class="bar" role="group" aria-label="Filters">
      <span class="segments" role="group" aria-label="Period">
        {(Object.keys(PERIODS) as Period[])
          .filter((period) => period !== '1h')
          .map((period) => (
            <button
              key={period}
              type="button"
              aria-pressed={query.period === period}
              onClick={() => onChange({ period })}
              title={PERIOD_LABELS[period]}
              data-filter={query.period === period ? true : undefined}
            >
              {period.replace('h', ' h').replace('d', ' days')}
            </button>
          ))}
      </span>
      <ChipMenu label="Entity type" value={query.entityType.map(entityTypeLabel).join(', ') || undefined}>
        <Choices
          options={ENTITY_TYPES}
          selected={query.entityType}
          labelOf={entityTypeLabel}
          onChange={(entityType) => onChange({ entityType })}
        />
      </ChipMenu>
      <ChipMenu label="Source" value={query.source.map(sourceLabel).join(', ') || undefined}>
        <Choices
          options={SOURCES}
          selected={query.source}
          labelOf={sourceLabel}
          onChange={(source) => onChange({ source })}
        />
      </ChipMenu>
    </div>
  );
}
