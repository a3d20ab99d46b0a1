import { formatNumber, formatPercent } from '../lib/format';

interface Props {
  processed: number;
  expected: number | null;
  progress: number | null;
  label: string;
}

/** Progress of an open run. Without a number of expected records, the bar says only that it runs. */
export function Progress({ processed, expected, progress, label }: Props) {
  const title =
    expected === null
      ? `${formatNumber(processed)} records so far`
      : `${formatNumber(processed)} of ${formatNumber(expected)} records`;
  if (progress === null) return <span class="progress unknown" role="progressbar" aria-label={label} title={title} />;
  return (
    <progress value={progress} aria-label={label} aria-valuetext={formatPercent(progress)} title={title}>
      {formatPercent(progress)}
    </progress>
  );
}
