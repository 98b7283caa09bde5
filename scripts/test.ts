/**
 * `npm test`: build, static checks and the suites, one after another, each even when an earlier one failed.
 * Prints at the end what failed and what was skipped, with reasons. The last line counts assertions:
 * `120 passed, 0 failed, 2 skipped`; a step that fails without a failed assertion counts as one failure.
 *
 * A file that failed runs once more by itself, which tells a defect that is always there from one that comes and goes. The
 * second kind is listed as UNSTABLE and is a defect of the test or the product too; more than two of them fail the run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readTap, type Tally } from './read-tap.ts';
import { withTestcloud } from './testcloud.ts';

process.chdir(join(import.meta.dirname, '..'));

interface Suite {
  folder: string;
  jobs: number;
  timeoutSeconds: number;
}

const checks = ['build', 'modules', 'lint', 'format:check', 'typecheck'];
const suites: readonly Suite[] = [
  { folder: 'test/unit', jobs: 2, timeoutSeconds: 30 },
  { folder: 'test/integration', jobs: 2, timeoutSeconds: 180 },
  { folder: 'test/ansible', jobs: 1, timeoutSeconds: 900 },
  { folder: 'test/e2e', jobs: 1, timeoutSeconds: 600 }, // real containers and ports: one file at a time
  { folder: 'test/hosts/core', jobs: 1, timeoutSeconds: 900 }, // a whole installation
  { folder: 'test/interop', jobs: 1, timeoutSeconds: 900 }, // installs Python programs when run for the first time
];
const dib: Suite = { folder: 'test/dib', jobs: 1, timeoutSeconds: 1800 }; // builds real images
const openstack: Suite = { folder: 'test/openstack', jobs: 1, timeoutSeconds: 600 }; // one cloud for all

const MOST_UNSTABLE = 2;

const total: Pick<Tally, 'passed' | 'failed' | 'skipped'> = { passed: 0, failed: [], skipped: [] };
const unstable: string[] = [];
const startedAt = performance.now();
for (const check of checks) await inSection(check, () => runCheck(check));
for (const suite of suites) await inSection(suite.folder, () => runSuite(suite));
await inSection(openstack.folder, () => runWithCloud(openstack));
await inSection(dib.folder, () => runSuite(dib));
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

async function runWithCloud(suite: Suite): Promise<void> {
  try {
    await withTestcloud(() => runSuite(suite));
  } catch (error) {
    total.failed.push(`${suite.folder}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function runSuite(suite: Suite): Promise<void> {
  const files = await findTests(suite.folder);
  if (files.length === 0) return;
  const tally = await runFiles(suite, files);
  total.passed += tally.passed;
  total.skipped.push(...tally.skipped);
  const again = tally.failedFiles;
  if (again.length === 0 || unstable.length + again.length > MOST_UNSTABLE) {
    total.failed.push(...tally.failed);
    return;
  }
  console.log(`=== once more: ${again.join(', ')}`);
  const second = await runFiles({ ...suite, jobs: 1 }, again);
  total.failed.push(...second.failed);
  if (second.failed.length > 0) return;
  unstable.push(...again.map((file) => tally.failed.find((title) => title.startsWith(file)) ?? file));
}

/** Failures include files that did not run to their end. */
async function runFiles({ folder, jobs, timeoutSeconds }: Suite, files: string[]): Promise<Tally> {
  const options = [`--jobs=${jobs}`, `--timeout=${timeoutSeconds}`, '--reporter=tap'];
  const child = spawn('node_modules/.bin/tap', ['run', ...options, ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  const tally = await readTap(child.stdout, console.log);
  const [exitCode] = await closed;
  const lost = files.filter((file) => !tally.files.includes(file)); // tap gives up after a file that hangs
  const failed = [...tally.failed, ...lost.map((file) => `${file}: not run to its end`)];
  if (exitCode !== 0 && failed.length === 0)
    failed.push(`${folder}: tap ended with ${exitCode ?? 'a signal'}`);
  return { ...tally, failed, failedFiles: [...tally.failedFiles, ...lost] };
}

async function findTests(folder: string): Promise<string[]> {
  const paths = await readdir(folder, { recursive: true }).catch(() => []);
  return paths.flatMap((path) => (path.endsWith('.test.ts') ? [join(folder, path)] : [])).sort();
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
