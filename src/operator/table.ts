/**
 * ASCII tables as operators know them from PrettyTable. Piped, a table is never cut, so that grep finds everything; on a
 * terminal that is too narrow, long free texts are cut, and if that does not help either, each row becomes a block of
 * `Header: value` lines. A cell never spans lines.
 */
import { cellText, clip, displayWidth } from './cell.ts';

export interface Column<T> {
  header: string;
  /** Key in JSON output. */
  key: string;
  /** The value in JSON output. */
  value: (row: T) => unknown;
  /** The text of the cell, where it is not simply the value. */
  text?: (row: T) => string;
  /** May be cut on a narrow terminal: names and comments, not ids and addresses. `'first'`: before the others. */
  flexible?: true | 'first';
  /** Colour of the cell on a terminal. */
  colour?: (row: T) => Colour | undefined;
}

export type Colour = 'green' | 'yellow' | 'red' | 'blue' | 'grey';

export interface Look {
  /** Width of the terminal; undefined when the output is not one. */
  columns?: number | undefined;
  colours?: boolean;
}

/** The table as text, with a newline at the end. An empty one keeps its header. */
export function renderTable<T>(columns: readonly Column<T>[], rows: readonly T[], look: Look = {}): string {
  const cells = rows.map((row) => columns.map((column) => column.text?.(row) ?? cellText(column.value(row))));
  const widths = columns.map((column, index) =>
    Math.max(displayWidth(column.header), ...cells.map((row) => displayWidth(row[index] ?? ''))),
  );
  if (look.columns !== undefined && !shrink(widths, columns, look.columns))
    return renderBlocks(columns, rows, cells);
  const paint = painter(columns, look);
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const line = (texts: readonly string[], row?: T) =>
    `|${texts.map((text, index) => ` ${paint(pad(text, widths[index] ?? 0), index, row)} `).join('|')}|`;
  const body = cells.map((texts, index) => line(texts, rows[index]));
  return [rule, line(columns.map((column) => column.header)), rule, ...body, rule, ''].join('\n');
}

/** Takes width from the widest flexible columns until the table fits; false when it cannot. */
function shrink<T>(widths: number[], columns: readonly Column<T>[], available: number): boolean {
  let excess = widths.reduce((sum, width) => sum + width + 3, 1) - available;
  const lowest = columns.map((column) => Math.max(MIN_FLEXIBLE, column.header.length));
  const findWidest = (isMeant: (column: Column<T>) => boolean): number | undefined => {
    let widest: number | undefined;
    for (const [index, column] of columns.entries()) {
      const width = widths[index] ?? 0;
      if (!isMeant(column) || width <= (lowest[index] ?? 0)) continue;
      if (widest === undefined || width > (widths[widest] ?? 0)) widest = index;
    }
    return widest;
  };
  for (; excess > 0; excess -= 1) {
    const widest =
      findWidest(({ flexible }) => flexible === 'first') ?? findWidest(({ flexible }) => flexible === true);
    if (widest === undefined) return false;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return true;
}

const MIN_FLEXIBLE = 8;

function pad(text: string, width: number): string {
  const shown = clip(text, width);
  return shown + ' '.repeat(Math.max(0, width - displayWidth(shown)));
}

/** One block for each row, without its empty fields: `       ID: 0000000001`. */
function renderBlocks<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  cells: readonly string[][],
): string {
  const width = Math.max(...columns.map((column) => column.header.length));
  const blocks = cells.map((texts) =>
    columns
      .flatMap((column, index) =>
        texts[index] ? [`${column.header.padStart(width)}: ${texts[index]}\n`] : [],
      )
      .join(''),
  );
  return rows.length === 0 ? 'nothing to show\n' : blocks.join('\n');
}

const CODES: Readonly<Record<Colour, number>> = { green: 32, yellow: 33, red: 31, blue: 34, grey: 90 };

function painter<T>(
  columns: readonly Column<T>[],
  look: Look,
): (text: string, index: number, row?: T) => string {
  return (text, index, row) => {
    const colour = look.colours && row !== undefined ? columns[index]?.colour?.(row) : undefined;
    return colour ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
  };
}

/** Rows as JSON objects with the columns' keys. */
export function toObjects<T>(columns: readonly Column<T>[], rows: readonly T[]): Record<string, unknown>[] {
  return rows.map((row) =>
    Object.fromEntries(columns.map((column) => [column.key, column.value(row) ?? null])),
  );
}
