/** Periods to choose from, in hours. */
export const PERIODS = { '1h': 1, '24h': 24, '7d': 7 * 24, '30d': 30 * 24, '90d': 90 * 24 } as const;
export type Period = keyof typeof PERIODS;

export const PERIOD_LABELS: Record<Period, string> = {
  '1h': 'last hour',
  '24h': 'last 24 hours',
  '7d': 'last 7 days',
  '30d': 'last 30 days',
  '90d': 'last 90 days',
};

export const isPeriod = (text: string | null | undefined): text is Period =>
  text !== null && text !== undefined && text in PERIODS;

/** Returns the start of a period that ends now. */
export const startOf = (period: Period, now: Date) => new Date(now.getTime() - PERIODS[period] * 3_600_000);
