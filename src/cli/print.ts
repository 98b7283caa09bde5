/** What every verb prints: rows, JSON, messages. */
import { renderTable, toObjects, type Column } from '../operator/table.ts';
import type { Tools } from './verb.ts';

/** Rows as a table, or as JSON with more keys than the table has columns. */
export function printRows<T>(
  tools: Pick<Tools, 'io' | 'format'>,
  rows: readonly T[],
  columns: readonly Column<T>[],
  jsonColumns: readonly Column<T>[] = columns,
): void {
  if (tools.format === 'json') return printJson(tools, toObjects(jsonColumns, rows));
  const { stdout, env } = tools.io;
  const look = stdout.isTTY ? { columns: stdout.columns, colours: !env['NO_COLOR'] } : {};
  stdout.write(renderTable(columns, rows, look));
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
