/**
 * `npm test`: build, static checks and the suites, one after another, each even when an earlier one failed. With paths, only
 * the test files there, without build and checks: `tsx scripts/test.ts test/unit/cli`; a path within another one narrows it,
 * as in `npm run test:unit -- test/unit/cli`.
 *
 * Prints at the end what failed and what was skipped, with reasons. The last line counts assertions:
 * `120 passed, 0 failed, 2 skipped`; a step that fails without a failed assertion counts as one failure.
 *
 * In the run of everything a file that failed runs once more by itself, which tells a defect that is always there from one
 * that comes and goes. The second kind is listed as UNSTABLE and is a defect of the test or the product too; more than two of
 * them fail the run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { runFiles } from './run-files.ts';
import { SUITES, type Suite } from './suites.ts';
import { withTestcloud } from './testcloud.ts';

process.chdir(join(import.meta.dirname, '..'));

const CHECKS = ['build', 'modules', 'lint', 'format:check', 'typecheck'];
const MOST_UNSTABLE = 2;

const total = { passed: 0, failed: [] as string[], skipped: [] as string[] };
const unstable: string[] = [];
const startedAt = performance.now();
const given = process.argv.slice(2).map((path) => relative('', path));
const isWhole = given.length === 0;
let found = 0;
if (isWhole) for (const check of CHECKS) await inSection(check, () => runCheck(check));
for (const suite of SUITES) {
  const files = await findFiles(suite);
  found += files.length;
  if (files.length > 0) await inSection(suite.folder, () => runSuite(suite, files));
}
if (found === 0) total.failed.push(`${given.join(', ')}: no test file there`);
report();

/** Prints a heading, and at the end the time and how many failures the work added. */
async function inSection(heading: string, work: () => Promise<void>): Promise<void> {
  console.log(`\n=== ${heading}`);
  const sectionStartedAt = performance.now();
  const before = total.failed.length;
  await work();
  const failures = total.failed.length - before;
  console.log(
    `=== ${heading}: ${failures === 0 ? 'good' : `${failures} FAILED`} after ${secondsSince(sectionStartedAt)}`,
  );
}

async function runCheck(script: string): Promise<void> {
  const child = spawn('npm', ['run', '--silent', script], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  if (exitCode !== 0) total.failed.push(`npm run ${script} ended with ${exitCode ?? 'a signal'}`);
}

/** In the folder of the suite: all, or those that the paths name. */
async function findFiles({ folder, byHand }: Suite): Promise<string[]> {
  if (isWhole && byHand) return [];
  const paths = await readdir(folder, { recursive: true }).catch(() => []);
  const files = paths.flatMap((path) => (path.endsWith('.test.ts') ? [join(folder, path)] : [])).sort();
  if (isWhole) return files;
  const isIn = (path: string, place: string) => path === place || path.startsWith(`${place}/`);
  const places = given.filter((place) => !given.some((other) => other !== place && isIn(other, place)));
  return files.filter((file) => places.some((place) => isIn(file, place)));
}

async function runSuite(suite: Suite, files: readonly string[]): Promise<void> {
  const run = () => runAndCount(suite, files);
  try {
    await (suite.cloud ? withTestcloud(run) : run());
  } catch (error) {
    total.failed.push(`${suite.folder}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function runAndCount(suite: Suite, files: readonly string[]): Promise<void> {
  const tallies = await runFiles(files, suite, console.log);
  total.passed += tallies.reduce((sum, { passed }) => sum + passed, 0);
  total.skipped.push(...tallies.flatMap(({ skipped }) => skipped));
  const failed = tallies.filter(({ failed }) => failed.length > 0);
  if (!isWhole || failed.length === 0 || unstable.length + failed.length > MOST_UNSTABLE) {
    total.failed.push(...failed.flatMap(({ failed }) => failed));
    return;
  }
  const again = failed.map(({ file }) => file);
  console.log(`=== once more: ${again.join(', ')}`);
  const second = (await runFiles(again, { ...suite, jobs: 1 }, console.log)).flatMap(({ failed }) => failed);
  total.failed.push(...second);
  if (second.length === 0) unstable.push(...failed.map(({ failed }) => failed[0] ?? ''));
}

function report(): void {
  printList('SKIPPED', total.skipped);
  printList('UNSTABLE (failed, and passed when run again)', unstable);
  printList('FAILED', total.failed);
  console.log(`\nAll of it took ${secondsSince(startedAt)}.`);
  console.log(`${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`);
  process.exitCode = total.failed.length === 0 ? 0 : 1;
}

function printList(heading: string, lines: string[]): void {
  if (lines.length > 0) console.log([`\n${heading}:`, ...lines].join('\n  '));
}

function secondsSince(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
