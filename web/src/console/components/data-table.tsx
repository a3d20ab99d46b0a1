import type { ComponentChildren } from 'preact';

interface Props {
  caption: string;
  columns: readonly { title: string; isNumber?: boolean }[];
  rows: readonly (readonly ComponentChildren[])[];
}

/** A plain table whose first column names the rows. */
export function DataTable({ caption, columns, rows }: Props) {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={caption}>
      <table class="data">
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" class={isNumber ? 'n' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((value, column) =>
                column === 0 ? (
                  <th key={column} scope="row">
                    {value}
                  </th>
                ) : (
                  <td key={column} class={columns[column]?.isNumber ? 'n' : undefined}>
                    {value}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
