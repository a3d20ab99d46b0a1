import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Icon } from './icon';

interface Props {
  /** What the chip filters by. */
  label: string;
  /** What is chosen; undefined if nothing is. */
  value: string | undefined;
  children: ComponentChildren;
  onOpen?: () => void;
}

/** A chip that reads as a part of a sentence, and opens the choices for it. */
export function ChipMenu({ label, value, children, onOpen }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLElement>('.popover input, .popover button')?.focus();
    const closeOutside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    document.addEventListener('focusin', closeOutside);
    return () => {
      document.removeEventListener('pointerdown', closeOutside);
      document.removeEventListener('focusin', closeOutside);
    };
  }, [open]);

  const closeByKey = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !open) return;
    event.stopPropagation();
    setOpen(false);
    button.current?.focus();
  };

  return (
    <div class="chip-menu" ref={root} onKeyDown={closeByKey}>
      <button
        ref={button}
        type="button"
        class={value === undefined ? 'chip' : 'chip on'}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => {
          if (!open) onOpen?.();
          setOpen(!open);
        }}
      >
        {label} {value !== undefined && <b>{value}</b>}
        <Icon name="down" />
      </button>
      {open && (
        <div class="popover" id={id} role="group" aria-label={label}>
          {children}
        </div>
      )}
    </div>
  );
}

interface ChoiceProps<T extends string> {
  options: readonly T[];
  selected: readonly T[];
  labelOf: (option: T) => string;
  onChange: (selected: T[]) => void;
}

/** Check boxes of which any number may be set. */
export function Choices<T extends string>({ options, selected, labelOf, onChange }: ChoiceProps<T>) {
  const toggle = (option: T) =>
    onChange(options.filter((one) => (one === option) !== selected.includes(one)));
  return (
    <>
      {options.map((option) => (
        <label class="choice" key={option}>
          <input type="checkbox" checked={selected.includes(option)} onChange={() => toggle(option)} />
          {labelOf(option)}
        </label>
      ))}
      {selected.length > 0 && (
        <button type="button" class="button small" onClick={() => onChange([])}>
          Any
        </button>
      )}
    </>
  );
}
