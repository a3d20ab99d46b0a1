interface Props {
  label: string;
  values: readonly number[];
}

const HEIGHT = 22;
const WIDTH = 120;

/** Small bars without axes, for trends in tables. */
export function Bars({ label, values }: Props) {
  const most = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length);
  return (
    <svg class="bars" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <title>{label}</title>
      {values.map((value, index) => {
        const height = value === 0 ? 1 : Math.max(3, (HEIGHT * value) / most);
        return (
          <rect
            key={index}
            class={value === 0 ? 'empty' : undefined}
            x={index * step}
            y={HEIGHT - height}
            width={Math.max(0.8, step * 0.75)}
            height={height}
          />
        );
      })}
    </svg>
  );
}
