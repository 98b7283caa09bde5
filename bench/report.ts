/** Results as a table for people and as JSON for programs. */
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Row {
  section: 'runc' | 'scheduling' | 'zookeeper' | 'openstack' | 'cli' | 'web' | 'builder' | 'sfconfig';
  name: string;
  unit: 'ms' | 's' | 'MB' | 'MB/s' | '/s' | 'a request' | 'a node';
  /** Median, where there are several samples. */
  value: number;
  /** How many samples the median is of. */
  samples?: number;
  /** What it is compared with, measured in the same run. */
  reference?: { name: string; value: number };
  goal?: Goal;
}

/** What the value, or its ratio to the reference, should be. */
export interface Goal {
  of: 'value' | 'ratio';
  is: 'at most' | 'at least';
  limit: number;
}

export interface Report {
  machine: { cpu: string; cores: number; memoryGB: number; kernel: string; node: string; load: number[] };
  rows: Row[];
  /** What was not measured, and why. */
  skipped: string[];
}

/** Makes the rows of one section. */
export const rowsIn =
  (section: Row['section']) =>
  (name: string, unit: Row['unit'], value: number, more: Partial<Row> = {}): Row => ({
    section,
    name,
    unit,
    value,
    ...more,
  });

export const atMost = (limit: number, of: Goal['of'] = 'value'): Goal => ({ of, is: 'at most', limit });
export const atLeast = (limit: number, of: Goal['of'] = 'value'): Goal => ({ of, is: 'at least', limit });

export function describeMachine(): Report['machine'] {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
    load: loadavg().map((load) => Math.round(load * 10) / 10),
  };
}

export function renderJson({ machine, rows, skipped }: Report): string {
  const complete = rows.map((row) => ({ ...row, ratio: ratioOf(row), met: isMet(row) }));
  return `${JSON.stringify({ machine, rows: complete, skipped }, null, 2)}\n`;
}

export function renderTable({ machine, rows, skipped }: Report): string {
  const { cpu, cores, memoryGB, kernel, node, load } = machine;
  const cells = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, column) =>
        NUMERIC.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return [
    `${cpu}, ${cores} cores, ${memoryGB} GB, Linux ${kernel}, Node.js ${node}, load before ${load.join(' ')}`,
    '',
    ...lines,
    ...(skipped.length > 0 ? ['', ...skipped.map((why) => `not measured: ${why}`)] : []),
    '',
  ].join('\n');
}

const HEADINGS = ['', 'what', 'median', '', 'compared with', '', 'ratio', 'goal', 'met'];
const NUMERIC = new Set([2, 5, 6]);

function cellsOf(row: Row): string[] {
  const { section, name, unit, value, reference, goal } = row;
  const ratio = ratioOf(row);
  const met = isMet(row);
  return [
    section,
    name,
    format(value),
    unit,
    reference?.name ?? '',
    reference ? format(reference.value) : '',
    ratio === undefined ? '' : `${ratio.toFixed(2)} ×`,
    goal ? `${goal.is} ${goal.limit}${goal.of === 'ratio' ? ' ×' : ` ${unit}`}` : '',
    met === undefined ? '' : met ? 'yes' : 'no',
  ];
}

function ratioOf({ value, reference }: Row): number | undefined {
  return reference && value / reference.value;
}

function isMet(row: Row): boolean | undefined {
  if (!row.goal) return undefined;
  const found = row.goal.of === 'ratio' ? ratioOf(row) : row.value;
  if (found === undefined) return undefined;
  return row.goal.is === 'at most' ? found <= row.goal.limit : found >= row.goal.limit;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
