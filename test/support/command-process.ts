/** `nodepool` as a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const TSX = import.meta.resolve('tsx');
const PROGRAM = fileURLToPath(new URL('../../src/bin/nodepool.ts', import.meta.url));
const LIMIT_MS = 120_000;

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** `runNodepool(['-c', config, 'image-list'])`, to its end. */
export async function runNodepool(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, ['--import', TSX, PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}
