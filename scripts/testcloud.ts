/** The OpenStack of `test/support/testcloud/` around tests: started before, stopped after, also when interrupted. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';

const programs = join(import.meta.dirname, '../test/support/testcloud');
const PACKAGES_MISSING = 3;

/** Runs `work` with TESTCLOUD_CLOUDS in the environment; without it, so that its tests are skipped, where there is no cloud. */
export async function withTestcloud(work: () => Promise<void>): Promise<void> {
  const interrupted = (signal: NodeJS.Signals) => {
    stopTestcloud();
    process.kill(process.pid, signal);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const cloudsFile = await startTestcloud();
    if (cloudsFile !== undefined) process.env['TESTCLOUD_CLOUDS'] = cloudsFile;
    await work();
  } finally {
    delete process.env['TESTCLOUD_CLOUDS'];
    stopTestcloud();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

/** The path of its clouds.yaml; undefined where its packages are not installed. Throws when they are, and it does not start. */
export async function startTestcloud(): Promise<string | undefined> {
  const child = spawn(join(programs, 'start'), { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [exitCode]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (exitCode === 0) return output.trim();
  if (exitCode === PACKAGES_MISSING) return undefined;
  throw new Error(`the test cloud did not start (${exitCode ?? 'a signal'})`);
}

/** Also what was started only in part. */
export function stopTestcloud(): void {
  spawnSync(join(programs, 'stop'), ['--wipe'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 120_000,
  });
}
