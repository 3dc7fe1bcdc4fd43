/** A column: numbers end below each other, all else begins so. */
export interface Column {
  readonly title: string;
  readonly isNumber?: true;
}

const GAP = '  ';

/** Lines of a table, without spaces at their ends. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, at) =>
    Math.max(...[titles, ...rows].map((row) => [...(row[at] ?? '')].length)),
  );
  return [titles, ...rows].map((row) =>
    columns
      .map(({ isNumber }, at) => padded(row[at] ?? '', widths[at] ?? 0, isNumber === true))
      .join(GAP)
      .trimEnd(),
  );
}

function padded(text: string, width: number, isNumber: boolean): string {
  const space = ' '.repeat(width - [...text].length);
  return isNumber ? space + text : text + space;
}
