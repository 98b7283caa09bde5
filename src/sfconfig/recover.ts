/**
 * Puts a backup back, before anything is read: settings, keys, certificates and the config repository here; the roles restore theirs
 * from it in the same run.
 */
import { mkdir, rename, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { execa } from 'execa';
import { BRANCH, gitIn } from './git.ts';
import type { Options } from './options.ts';
import { placesOf, type Places } from './places.ts';
import { isThere, makeDirectory } from './write.ts';

const TIME_LIMIT_MS = 600_000;

/**
 * `path` is a tar file, or a directory as the backup playbook writes it; a backup that has no keys is refused. The architecture is
 * taken from it only where there is none: machines that replace others may have other addresses.
 */
export async function recover(path: string, options: Options, signal: AbortSignal): Promise<void> {
  const places = placesOf(options);
  const run = (command: string, args: string[]) =>
    execa(command, args, { cancelSignal: signal, timeout: TIME_LIMIT_MS, stdin: 'ignore' });
  await unpack(path, places.backup, run);
  const saved = join(places.backup, 'install-server');
  if (!(await isThere(join(saved, 'bootstrap-data/ssh_keys')))) {
    throw new Error(`${path}: expected a backup with install-server/bootstrap-data/ssh_keys, found none`);
  }
  await makeDirectory(places.lib);
  // Which host keys the machines have now, nobody knows: they are learnt again.
  const withoutHosts = ['--exclude', `/${basename(places.knownHosts)}`];
  await run('rsync', ['-a', ...withoutHosts, `${saved}/bootstrap-data/`, `${places.lib}/`]);
  await recoverSettings(join(saved, 'software-factory'), options, run);
  await recoverRepo(join(saved, 'config'), places, signal);
}

type Run = (command: string, args: string[]) => Promise<unknown>;

/** Everything belongs to who runs this, whoever has kept the backup: git, for one, insists on that. */
async function unpack(path: string, backup: string, run: Run): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() && !found?.isDirectory()) {
    throw new Error(`${path}: expected a backup, a tar file or a directory, found nothing`);
  }
  await makeDirectory(backup);
  if (found.isFile()) await run('tar', ['--no-same-owner', '-xf', path, '-C', backup]);
  else if (resolve(path) !== resolve(backup))
    await run('rsync', ['-a', '--no-owner', '--no-group', `${path}/`, `${backup}/`]);
}

async function recoverSettings(saved: string, options: Options, run: Run): Promise<void> {
  if (!(await isThere(saved))) return;
  const { settingsDir } = placesOf(options);
  const kept = (await isThere(options.arch)) ? ['--exclude', `/${basename(options.arch)}`] : [];
  await makeDirectory(settingsDir, 0o750);
  await run('rsync', ['-a', ...kept, `${saved}/`, `${settingsDir}/`]);
}

/** What was at the origin, where that was on this host and has gone. A repository elsewhere has not. */
async function recoverRepo(saved: string, { localRepo }: Places, signal: AbortSignal): Promise<void> {
  if (!(await isThere(join(saved, '.git'))) || (await isThere(join(localRepo, 'HEAD')))) return;
  const fresh = `${localRepo}.new`;
  await mkdir(fresh, { recursive: true });
  const git = gitIn(fresh, signal);
  await git('init', '--quiet', '--bare', '--initial-branch', BRANCH);
  await git('fetch', '--quiet', saved, `+refs/remotes/origin/${BRANCH}:refs/heads/${BRANCH}`);
  await rename(fresh, localRepo);
}
