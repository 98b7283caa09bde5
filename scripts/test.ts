/**
 * `npm test`: build, static checks and the three suites, one after another, each even when an earlier one failed.
 * Prints at the end what failed and what was skipped, with reasons. The last line counts assertions:
 * `120 passed, 0 failed, 2 skipped`; a step that fails without a failed assertion counts as one failure.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTap } from './read-tap.ts';

process.chdir(join(import.meta.dirname, '..'));

const checks = ['build', 'lint', 'format:check', 'typecheck'];
const suites = [
  { folder: 'test/unit', jobs: 2, timeoutSeconds: 30 },
  { folder: 'test/integration', jobs: 2, timeoutSeconds: 180 },
  { folder: 'test/e2e', jobs: 1, timeoutSeconds: 600 }, // real containers and ports: one file at a time
];

const total = { passed: 0, failed: [] as string[], skipped: [] as string[] };
const startedAt = performance.now();
for (const check of checks) await runCheck(check);
for (const suite of suites) await runSuite(suite);
report();

async function runCheck(script: string): Promise<void> {
  const exitCode = await runStep(script, 'npm', ['run', '--silent', script]);
  if (exitCode !== 0) total.failed.push(`npm run ${script} ended with ${exitCode}`);
}

async function runSuite({ folder, jobs, timeoutSeconds }: (typeof suites)[number]): Promise<void> {
  const files = await findTests(folder);
  if (files.length === 0) return;
  const scratch = await mkdtemp(join(tmpdir(), 'nodepool-test-'));
  const output = join(scratch, 'output.tap');
  const options = [
    `--jobs=${jobs}`,
    `--timeout=${timeoutSeconds}`,
    '--reporter=terse',
    `--output-file=${output}`,
  ];
  const exitCode = await runStep(`${folder} (${files.length} files)`, 'npx', [
    'tap',
    'run',
    ...options,
    ...files,
  ]);
  const { passed, failed, skipped } = readTap(await readFile(output, 'utf8').catch(() => ''));
  await rm(scratch, { recursive: true });
  total.passed += passed;
  total.failed.push(...failed);
  total.skipped.push(...skipped);
  if (exitCode !== 0 && failed.length === 0) total.failed.push(`${folder}: tap ended with ${exitCode}`);
}

async function findTests(folder: string): Promise<string[]> {
  const paths = await readdir(folder, { recursive: true }).catch(() => []);
  return paths
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join(folder, path))
    .sort();
}

/** Runs a program in the foreground under a heading; resolves with its exit code. */
async function runStep(heading: string, command: string, args: string[]): Promise<number> {
  console.log(`\n=== ${heading}`);
  const stepStartedAt = performance.now();
  const exitCode = await new Promise<number>((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  console.log(`=== ${heading}: ${exitCode === 0 ? 'good' : 'FAILED'} after ${seconds(stepStartedAt)}`);
  return exitCode;
}

function report(): void {
  printList('SKIPPED', total.skipped);
  printList('FAILED', total.failed);
  console.log(`\nAll of it took ${seconds(startedAt)}.`);
  console.log(`${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`);
  process.exitCode = total.failed.length === 0 ? 0 : 1;
}

function printList(heading: string, lines: string[]): void {
  if (lines.length > 0) console.log([`\n${heading}:`, ...lines].join('\n  '));
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
