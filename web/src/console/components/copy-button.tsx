import { useEffect, useState } from 'preact/hooks';

/** Copies a text. Where the clipboard is not available, as on an insecure origin, a selection is copied. */
async function copy(text: string) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button type="button" class="button small" onClick={() => void copy(text).then(() => setCopied(true))}>
      <span aria-live="polite">{copied ? 'Copied' : label}</span>
    </button>
  );
}
