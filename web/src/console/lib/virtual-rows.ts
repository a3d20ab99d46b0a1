import { useEffect, useLayoutEffect, useState } from 'preact/hooks';

/** Rows beyond the visible ones that are rendered, so that scrolling does not show gaps. */
const OVERSCAN = 12;

/** Returns which rows of a list in the page are visible. All rows have the same height. */
export function useVisibleRows(container: { current: HTMLElement | null }, count: number, rowHeight: number) {
  const [range, setRange] = useState({ start: 0, end: 2 * OVERSCAN });
  const measure = () => {
    const top = container.current?.getBoundingClientRect().top ?? 0;
    const start = Math.max(0, Math.floor(-top / rowHeight) - OVERSCAN);
    const end = Math.min(count, Math.ceil((window.innerHeight - top) / rowHeight) + OVERSCAN);
    setRange((former) => (former.start === start && former.end === end ? former : { start, end }));
  };
  useLayoutEffect(measure, [count, rowHeight]);
  useEffect(() => {
    addEventListener('scroll', measure, { passive: true });
    addEventListener('resize', measure);
    return () => {
      removeEventListener('scroll', measure);
      removeEventListener('resize', measure);
    };
  }, [count, rowHeight]);
  return range;
}
