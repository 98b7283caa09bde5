/** A shell in a root file system that was built, in a runC container of which nothing stays. */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { machine } from 'node:os';
import { join } from 'node:path';
import { openHost } from '../directory/host.ts';
import { CommandError } from '../errors.ts';
import { renderShellBundle } from '../runc/shell-bundle.ts';
import { waitFor } from './boot-process.ts';
import { claimBootDir, removeBootDir, removeLeftBoots } from './boot-places.ts';
import { Failure } from './failure.ts';
import { say } from './print.ts';
import type { Tools } from './verb.ts';

/** The first of these that the image has. */
const SHELL = ['/bin/sh', '-c', 'command -v bash >/dev/null && exec bash -l; exec sh -l'];

/**
 * `tar` is the image. Returns the exit code of the shell. Unpacked files and container are gone afterwards; after a kill with the
 * next call.
 */
export async function bootContainer(tools: Tools, tar: string): Promise<number> {
  await removeLeftBoots(tools.io.env);
  const dir = await claimBootDir(tools.io.env);
  try {
    say(tools, `unpacking ${tar}`);
    const rootfs = await unpack(tools, tar, dir);
    const id = `nodepool-boot-${randomBytes(6).toString('hex')}`;
    const terminal = tools.io.stdin.isTTY === true && tools.io.stdout.isTTY === true;
    const bundle = renderShellBundle({
      id,
      rootfs,
      command: SHELL,
      terminal,
      term: tools.io.env['TERM'] ?? 'xterm',
      architecture: machine(),
    });
    await mkdir(join(dir, 'bundle'));
    await writeFile(join(dir, 'bundle/config.json'), JSON.stringify(bundle));
    say(tools, 'a shell in the image; what you change is gone when it ends');
    return await runContainer(tools, { id, dir });
  } finally {
    await removeBootDir(dir);
  }
}

/** As the driver directory does it; returns where the root file system is. */
async function unpack({ log, signal }: Tools, tar: string, dir: string): Promise<string> {
  const host = openHost({ path: dir, format: 'tar', host: undefined }, log);
  try {
    await host.run('begin', ['image', '0700'], { input: '{}\n', signal });
    await host.run('unpack', ['image'], { input: createReadStream(tar), signal });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new Failure(`cannot boot ${tar}: ${error.stderr.trim() || error.message}`, undefined, {
      cause: error,
    });
  }
  return join(dir, '.builds/image/rootfs');
}

async function runContainer(
  { io, signal }: Tools,
  { id, dir }: { id: string; dir: string },
): Promise<number> {
  signal.throwIfAborted();
  const root = ['--root', join(dir, 'runc')];
  const args = [...root, 'run', '--bundle', join(dir, 'bundle'), id];
  const child = spawn('runc', args, { stdio: 'inherit', env: io.env });
  // Ended this way, runC puts the terminal right; where there is no container yet, nothing is lost.
  const stop = () =>
    execFile('runc', [...root, 'kill', id, 'KILL'], (error) => error && child.kill('SIGKILL'));
  return await waitFor(child, { program: 'runc', debian: 'runc' }, { signal, stop });
}
