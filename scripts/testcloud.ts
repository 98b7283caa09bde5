/** The OpenStack of `test/support/testcloud/` around tests: started before, stopped after, also when interrupted. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';

const programs = join(import.meta.dirname, '../test/support/testcloud');
const PACKAGES_MISSING = 3;

/**
 * Runs `work` with TESTCLOUD_CLOUDS in the environment; without it, so that its tests are skipped, where the packages of the
 * cloud are not installed. Throws when they are, and it does not start.
 */
export async function withTestcloud(work: () => Promise<void>): Promise<void> {
  const child = spawn(join(programs, 'start'), { stdio: ['ignore', 'pipe', 'inherit'] });
  const interrupted = (signal: NodeJS.Signals) => {
    stop();
    process.kill(process.pid, signal);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const [output, [exitCode]] = await Promise.all([
      text(child.stdout),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    if (exitCode === 0) process.env['TESTCLOUD_CLOUDS'] = output.trim();
    else if (exitCode !== PACKAGES_MISSING)
      throw new Error(`the test cloud did not start (${exitCode ?? 'a signal'})`);
    await work();
  } finally {
    delete process.env['TESTCLOUD_CLOUDS'];
    stop();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

/** Also what was started only in part. */
function stop(): void {
  spawnSync(join(programs, 'stop'), ['--wipe'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 120_000,
  });
}
