/** What every verb prints: rows, JSON, messages. */
import { renderTable, toObjects, type Column, type Look } from '../operator/table.ts';
import type { Tools } from './verb.ts';

/** Rows of one kind: as a table, and as objects for JSON, which may have more keys than the table has columns. */
export interface Listing {
  table(look: Look): string;
  objects(): Record<string, unknown>[];
}

export function listingOf<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  jsonColumns: readonly Column<T>[] = columns,
): Listing {
  return {
    table: (look) => renderTable(columns, rows, look),
    objects: () => toObjects(jsonColumns, rows),
  };
}

/** Rows as a table or as JSON. */
export function printRows<T>(
  tools: Pick<Tools, 'io' | 'format'>,
  rows: readonly T[],
  columns: readonly Column<T>[],
  jsonColumns: readonly Column<T>[] = columns,
): void {
  printListing(tools, listingOf(rows, columns, jsonColumns));
}

export function printListing(tools: Pick<Tools, 'io' | 'format'>, listing: Listing): void {
  if (tools.format === 'json') return printJson(tools, listing.objects());
  const { stdout, env } = tools.io;
  const look = stdout.isTTY ? { columns: stdout.columns, colours: !env['NO_COLOR'] } : {};
  stdout.write(listing.table(look));
}

export function printJson({ io }: Pick<Tools, 'io'>, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** For people, on stdout; nothing in JSON output. */
export function say({ io, format }: Pick<Tools, 'io' | 'format'>, line: string): void {
  if (format === 'table') io.stdout.write(`${line}\n`);
}

/** For people, on stderr. */
export function warn({ io }: Pick<Tools, 'io'>, line: string): void {
  io.stderr.write(`nodepool: ${line}\n`);
}
