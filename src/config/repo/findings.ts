import type { Problem } from '../../errors.ts';
import type { Document } from '../document.ts';
import type { Warning } from '../warnings.ts';
import type { Path } from '../words.ts';
import type { Origin } from './merged-document.ts';

/** One entry of a list in one of the files. */
export interface Entry extends Origin {
  value: unknown;
}

/** Where mistakes and remarks are put. */
export interface Findings {
  problems: Problem[];
  warnings: Warning[];
}

export function report(
  { problems }: Findings,
  document: Document,
  path: Path,
  expected: string,
  found?: string,
): void {
  problems.push(document.problem(path, expected, found));
}

/** What is allowed but probably not meant. */
export function warn({ warnings }: Findings, document: Document, path: Path, message: string): void {
  const line = document.lineOf(path);
  warnings.push({ file: document.fileOf(path), ...(line === undefined ? {} : { line }), message });
}
