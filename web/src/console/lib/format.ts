const integers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const percents = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

export const formatNumber = (value: number) => integers.format(value);

export const formatPercent = (value: number) => percents.format(value);

/** "1 run", "1,376 runs". */
export const formatCount = (count: number, noun: string) =>
  `${formatNumber(count)} ${noun}${count === 1 ? '' : 's'}`;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A duration as people say it: "41 s", "2 min 11 s", "3 h 5 min", "4 days". */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return seconds === 0 ? '0 s' : `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return join(whole, MINUTE, 'min', 1, 's');
  if (whole < 2 * DAY) return join(Math.round(whole / MINUTE), 60, 'h', 1, 'min');
  return join(Math.round(whole / HOUR), 24, 'days', 1, 'h');
}

function join(value: number, size: number, large: string, _: 1, small: string) {
  const rest = value % size;
  return `${Math.floor(value / size)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

/** A duration in its largest unit, for ages and intervals: "9 h", "26 h", "3 days". */
export function formatAge(seconds: number): string {
  if (seconds < MINUTE) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < 2 * DAY) return `${Math.round(seconds / HOUR)} h`;
  return `${Math.round(seconds / DAY)} days`;
}

/** How often something happens: "15 min", "hour", "day", "2 weeks". */
export function formatInterval(seconds: number): string {
  const units = [
    [7 * DAY, 'week'],
    [DAY, 'day'],
    [HOUR, 'hour'],
    [MINUTE, 'minute'],
  ] as const;
  // A unit is named alone if the interval is about that long.
  for (const [size, name] of units) {
    const count = seconds / size;
    const rounded = Math.round(count);
    if (rounded >= 1 && Math.abs(count - rounded) < 0.1 * rounded) return rounded === 1 ? name : `${rounded} ${name}s`;
  }
  return formatAge(seconds);
}

const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const shortClock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });
const dayAndMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long' });

export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export const formatClock = (time: Date) => clock.format(time);

export const formatDay = (time: Date) => dayAndMonth.format(time);

/** A time, as short as it is unambiguous: today without the day. */
export function formatTime(time: Date, now = new Date()): string {
  if (time.toDateString() === now.toDateString()) return clock.format(time);
  if (time.getFullYear() === now.getFullYear()) return `${dayAndMonth.format(time)}, ${shortClock.format(time)}`;
  return `${day.format(time)}, ${shortClock.format(time)}`;
}

/** A time with milliseconds, for events that follow each other. */
export function formatPreciseTime(time: Date, now = new Date()): string {
  const precise = `${clock.format(time)}.${String(time.getMilliseconds()).padStart(3, '0')}`;
  return time.toDateString() === now.toDateString() ? precise : `${dayAndMonth.format(time)}, ${precise}`;
}

/** The exact instant, in the viewer's zone and in UTC. */
export const formatExact = (iso: string) => `${exact.format(new Date(iso))} (${timeZone})\n${iso}`;
