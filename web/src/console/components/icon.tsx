// Shapes on a grid of 10: each state has its own, so that states are distinguished without colour.
const SHAPES = {
  check: <path d="M1 5l3 3 5-7" fill="none" stroke="currentColor" stroke-width="2" />,
  cross: <path d="M1.5 1.5l7 7M8.5 1.5l-7 7" stroke="currentColor" stroke-width="2" />,
  dot: <circle cx="5" cy="5" r="4" fill="currentColor" />,
  ring: <circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor" stroke-width="1.6" />,
  bar: <path d="M1.5 5h7" stroke="currentColor" stroke-width="2" />,
  clock: (
    <>
      <circle cx="5" cy="5" r="4" fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d="M5 2.6V5l1.7 1.3" fill="none" stroke="currentColor" stroke-width="1.3" />
    </>
  ),
  down: <path d="M1.5 3.5L5 7l3.5-3.5" fill="none" stroke="currentColor" stroke-width="1.5" />,
  up: <path d="M1.5 6.5L5 3l3.5 3.5" fill="none" stroke="currentColor" stroke-width="1.5" />,
  sun: (
    <>
      <circle cx="5" cy="5" r="2" fill="currentColor" />
      <path
        d="M5 .4v1.3M5 8.3v1.3M.4 5h1.3M8.3 5h1.3M1.8 1.8l.9.9M7.3 7.3l.9.9M1.8 8.2l.9-.9M7.3 2.7l.9-.9"
        stroke="currentColor"
        stroke-width=".9"
      />
    </>
  ),
  moon: <path d="M8.6 6.2A4 4 0 0 1 3.8 1.4a4 4 0 1 0 4.8 4.8z" fill="currentColor" />,
  half: (
    <>
      <circle cx="5" cy="5" r="4" fill="none" stroke="currentColor" />
      <path d="M5 1a4 4 0 0 1 0 8z" fill="currentColor" />
    </>
  ),
};

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 10 10" aria-hidden="true">
      {SHAPES[name]}
    </svg>
  );
}
