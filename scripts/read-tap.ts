import type { Readable } from 'node:stream';
import { Parser, type Result } from 'tap-parser';
import { stringify } from 'yaml';

/** What a TAP stream says about its assertions; a subtest counts by what it holds, not once more itself. */
export interface Tally {
  passed: number;
  /** Full titles: file, enclosing tests, assertion. */
  failed: string[];
  /** Full titles with the reason. Tests still to be written (`todo`) are among them. */
  skipped: string[];
  /** Test files that ran to their end or to a failure. */
  files: string[];
  /** Those of them in which something failed. */
  failedFiles: string[];
}

/** Reads the output of a tap run to its end; prints a line for each file and, before it, what failed in it. */
export async function readTap(output: Readable, print: (text: string) => void): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: [], skipped: [], files: [], failedFiles: [] };
  const parser = new Parser();
  parser.on('pass', () => {
    tally.passed += 1;
  });
  parser.on('fail', (result: Result) => {
    tally.failed.push(title(result));
    print(`not ok  ${title(result)}${details(result)}`);
  });
  parser.on('skip', (result: Result) => tally.skipped.push(`${title(result)}: ${reason(result.skip)}`));
  parser.on('todo', (result: Result) => tally.skipped.push(`${title(result)}: ${reason(result.todo)}`));
  parser.on('assert', ({ ok, name, time }: Result) => {
    tally.files.push(name);
    if (!ok) tally.failedFiles.push(name);
    print(`${ok ? 'ok    ' : 'FAILED'}  ${name}${time === null ? '' : `  ${(time / 1000).toFixed(1)} s`}`);
  });
  for await (const chunk of output.setEncoding('utf8')) parser.write(String(chunk));
  parser.end();
  return tally;
}

function title({ fullname, name }: Result): string {
  return fullname === '' ? name : fullname;
}

function details({ diag }: Result): string {
  return diag ? `\n${stringify(diag).trimEnd().replaceAll(/^/gm, '    ')}` : '';
}

function reason(directive: string | boolean): string {
  return typeof directive === 'string' && directive !== '' ? directive : 'no reason given';
}
