import { useEffect } from 'preact/hooks';

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || (target.matches('input, textarea, select') && !target.matches('[type=checkbox]')));

/** Calls `onKey` with each key that is pressed outside of text fields, menus and dialogs, without modifiers. */
export function useKeys(onKey: (key: string, event: KeyboardEvent) => void) {
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
      if (event.defaultPrevented || hasModifier || isTyping(event.target)) return;
      if (document.querySelector('dialog[open]') !== null) return;
      onKey(event.key, event);
    };
    document.addEventListener('keydown', listener);
    return () => document.removeEventListener('keydown', listener);
  }, [onKey]);
}
