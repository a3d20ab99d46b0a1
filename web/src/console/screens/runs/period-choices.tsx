import { formatTime } from '../../lib/format';
import { type Period, PERIOD_LABELS, PERIODS } from '../../lib/period';
import type { RunQuery } from './run-query';

type Started = RunQuery['started'];

/** Names a period, as in "last 7 days" or "from 3 Nov, 08:00". */
export function periodLabel(value: Started): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return PERIOD_LABELS[value];
  const parts = [
    value.from !== undefined && `from ${formatTime(new Date(value.from))}`,
    value.to !== undefined && `until ${formatTime(new Date(value.to))}`,
  ];
  return parts.filter(Boolean).join(' ');
}

/** The value of a field for local times. */
function toLocal(iso: string | undefined) {
  if (iso === undefined) return '';
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const fromLocal = (text: string) => (text === '' ? undefined : new Date(text).toISOString());

/** Periods that end now, or any other one. */
export function PeriodChoices({ value, onChange }: { value: Started; onChange: (value: Started) => void }) {
  const range = typeof value === 'object' ? value : { from: undefined, to: undefined };
  const setRange = (changed: { from?: string | undefined; to?: string | undefined }) => {
    const { from, to } = { ...range, ...changed };
    onChange(from === undefined && to === undefined ? undefined : { from, to });
  };
  return (
    <>
      <label class="choice">
        <input type="radio" name="period" checked={value === undefined} onChange={() => onChange(undefined)} />
        any time
      </label>
      {(Object.keys(PERIODS) as Period[]).map((period) => (
        <label class="choice" key={period}>
          <input type="radio" name="period" checked={value === period} onChange={() => onChange(period)} />
          {PERIOD_LABELS[period]}
        </label>
      ))}
      <hr />
      <label class="field">
        From
        <input
          type="datetime-local"
          value={toLocal(range.from)}
          onChange={(event) => setRange({ from: fromLocal(event.currentTarget.value) })}
        />
      </label>
      <label class="field">
        Until
        <input
          type="datetime-local"
          value={toLocal(range.to)}
          onChange={(event) => setRange({ to: fromLocal(event.currentTarget.value) })}
        />
      </label>
    </>
  );
}
