import { Parser, type Result } from 'tap-parser';

/** What a TAP stream says about its assertions; a subtest is counted by what it holds, not once more itself. */
export interface Tally {
  passed: number;
  /** Full titles: file, enclosing tests, assertion. */
  failed: string[];
  /** Full titles with the reason. */
  skipped: string[];
}

/** Reads the output of a whole tap run. Unfinished tests (`todo`) count as skipped. */
export function readTap(text: string): Tally {
  const tally: Tally = { passed: 0, failed: [], skipped: [] };
  const parser = new Parser();
  parser.on('pass', () => {
    tally.passed += 1;
  });
  parser.on('fail', (result: Result) => tally.failed.push(title(result)));
  parser.on('skip', (result: Result) => tally.skipped.push(`${title(result)}: ${reason(result.skip)}`));
  parser.on('todo', (result: Result) => tally.skipped.push(`${title(result)}: ${reason(result.todo)}`));
  parser.end(text);
  return tally;
}

function title({ fullname, name }: Result): string {
  return fullname === '' ? name : fullname;
}

function reason(directive: string | boolean): string {
  return typeof directive === 'string' && directive !== '' ? directive : 'no reason given';
}
