/** Puts a backup back: keys and certificates here; the roles restore theirs from it in the same run. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import type { Context } from './run.ts';
import { isThere, makeDirectory } from './write.ts';

const TIME_LIMIT_MS = 600_000;

/** `path` is a tar file, or a directory as the backup playbook writes it. */
export async function recover(path: string, { places, say, signal }: Context): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() && !found?.isDirectory()) {
    throw new Error(`${path}: expected a backup, a tar file or a directory, found nothing`);
  }
  const run = (command: string, args: string[]) =>
    execa(command, args, { cancelSignal: signal, timeout: TIME_LIMIT_MS, stdin: 'ignore' });
  await makeDirectory(places.backup);
  if (found.isFile()) await run('tar', ['-xf', path, '-C', places.backup]);
  else if (resolve(path) !== resolve(places.backup))
    await run('rsync', ['-a', `${path}/`, `${places.backup}/`]);
  const saved = join(places.backup, 'install-server/bootstrap-data');
  if (await isThere(saved)) await run('rsync', ['-a', `${saved}/`, `${places.lib}/`]);
  say(`[+] Recovered ${path}`);
}
