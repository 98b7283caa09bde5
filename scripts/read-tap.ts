import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { Parser, type FinalResults, type Result } from 'tap-parser';
import { stringify } from 'yaml';

/** What a TAP stream says about its assertions; a subtest counts by what it holds, not once more itself. */
export interface Tally {
  passed: number;
  /** Full titles: file, enclosing tests, assertion. */
  failed: string[];
  /** Full titles with the reason. Tests still to be written (`todo`) are among them. */
  skipped: string[];
}

/** Reads the output of a test file until it is closed; prints what failed in it. */
export async function readTap(file: string, output: Readable, print: (text: string) => void): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: [], skipped: [] };
  const fail = (title: string, details = '') => {
    tally.failed.push(title);
    print(`not ok  ${title}${details}`);
  };
  const parser = new Parser({ name: file });
  parser.on('pass', () => {
    tally.passed += 1;
  });
  parser.on('fail', (result: Result) => fail(result.fullname, details(result)));
  parser.on('skip', ({ fullname, skip }: Result) => tally.skipped.push(`${fullname}: ${reason(skip)}`));
  parser.on('todo', ({ fullname, todo }: Result) => tally.skipped.push(`${fullname}: ${reason(todo)}`));
  parser.on('complete', ({ ok, plan, failures }: FinalResults) => {
    if (plan.skipAll) tally.skipped.push(`${file}: ${plan.skipReason || NO_REASON}`);
    const [failure] = failures;
    if (!ok && tally.failed.length === 0) fail(`${file}: ${failure?.tapError || 'not run to its end'}`);
  });
  output.setEncoding('utf8').on('data', (text: string) => void parser.write(text));
  await once(output, 'close');
  parser.end();
  return tally;
}

function details({ diag }: Result): string {
  return diag ? `\n${stringify(diag).trimEnd().replaceAll(/^/gm, '    ')}` : '';
}

const NO_REASON = 'no reason given';

function reason(directive: string | boolean): string {
  return typeof directive === 'string' && directive !== '' ? directive : NO_REASON;
}
