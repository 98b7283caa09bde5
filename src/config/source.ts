/** The text of a configuration file, with the environment put in and every position still known. */
import type { Problem } from '../errors.ts';
import { readText } from './read-text.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export interface Source {
  readonly file: string;
  /** What the YAML parser gets. */
  readonly text: string;
  /** Where variables were put in, in order of `start`. */
  readonly insertions: readonly Insertion[];
  /** True when no value of this file may appear in a message. */
  readonly secret: boolean;
  /** 1-based line in the file as it is on disk, of an offset in `text`. */
  lineAt(offset: number): number;
}

export interface Insertion {
  variable: string;
  /** In `text`. */
  start: number;
  end: number;
  /** How much longer `text` got up to here. */
  shift: number;
}

const REFERENCE = /%\((NODEPOOL_[^()\s]*)\)/g;

/** Reads the file; answers a problem instead when it cannot be read. */
export async function readSource(
  file: string,
  env: Env,
  { secret = false } = {},
): Promise<{ source: Source; mode: number } | { problem: Problem }> {
  const read = await readText(file);
  if ('problem' in read) return read;
  return { source: makeSource(file, read.text, env, { secret }), mode: read.mode };
}

/**
 * Replaces `%(NODEPOOL_X)` by the variable's value, everywhere, before anything is parsed. A reference to a variable
 * that is not set stays as it is.
 */
export function makeSource(file: string, original: string, env: Env, { secret = false } = {}): Source {
  const insertions: Insertion[] = [];
  let shift = 0;
  const text = original.replace(REFERENCE, (reference, variable: string, offset: number) => {
    const value = env[variable];
    if (value === undefined) return reference;
    const start = offset + shift;
    shift += value.length - reference.length;
    insertions.push({ variable, start, end: start + value.length, shift });
    return value;
  });
  const lineAt = makeLineIndex(original);
  return { file, text, insertions, secret, lineAt: (offset) => lineAt(originalOffset(insertions, offset)) };
}

/** The variable whose value covers some of the range. */
export function insertedIn({ insertions }: Source, start: number, end: number): string | undefined {
  return insertions.find((piece) => piece.start < Math.max(end, start + 1) && piece.end > start)?.variable;
}

/** The names of variables that the text, with the environment put in, still refers to: they are not set. */
export function unsetVariables(text: string): string[] {
  return [...text.matchAll(REFERENCE)].map(([, variable]) => variable as string);
}

/** ` (the environment variable X is not set)` for text that still refers to one, since that is most likely the mistake. */
export function unsetHint(text: string): string {
  const [variable] = unsetVariables(text);
  return variable === undefined ? '' : ` (the environment variable ${variable} is not set)`;
}

function originalOffset(insertions: readonly Insertion[], offset: number): number {
  let shift = 0;
  for (const piece of insertions) {
    if (offset < piece.start) break;
    if (offset < piece.end) return piece.start - shift;
    shift = piece.shift;
  }
  return offset - shift;
}

function makeLineIndex(text: string): (offset: number) => number {
  let starts: number[] | undefined;
  return (offset) => {
    starts ??= lineStarts(text);
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return starts;
}
