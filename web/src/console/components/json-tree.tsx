import type { Json } from '../api/graphql';

const isContainer = (value: Json): value is Json[] | { [key: string]: Json } =>
  typeof value === 'object' && value !== null;

/** How many levels are open at first. */
const OPEN_LEVELS = 2;

/** JSON as a tree whose branches can be closed. */
export function JsonTree({ value, level = 0 }: { value: Json; level?: number }) {
  if (!isContainer(value)) return <span class={`json ${value === null ? 'null' : typeof value}`}>{scalar(value)}</span>;
  const entries = Object.entries(value);
  return (
    <ul class="json-tree">
      {entries.map(([key, child]) => (
        <li key={key}>
          {isContainer(child) && Object.keys(child).length > 0 ? (
            <details open={level < OPEN_LEVELS && Object.keys(child).length <= 50}>
              <summary>
                <span class="key">{key}</span> <small class="muted">{summary(child)}</small>
              </summary>
              <JsonTree value={child} level={level + 1} />
            </details>
          ) : (
            <>
              <span class="key">{key}</span>{' '}
              {isContainer(child) ? <span class="json null">{summary(child)}</span> : <JsonTree value={child} />}
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

const scalar = (value: null | boolean | number | string) => (value === null ? 'null' : String(value));

const summary = (value: Json[] | { [key: string]: Json }) => {
  const count = Object.keys(value).length;
  if (count === 0) return 'empty';
  return Array.isArray(value) ? `${count} item${count === 1 ? '' : 's'}` : `${count} key${count === 1 ? '' : 's'}`;
};
