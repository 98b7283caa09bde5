/**
 * The config repository on the install-server: a clone, by default of a bare repository on the same machine. sfconfig
 * commits and pushes what it decides there, and never what is wrong.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../errors.ts';
import { BRANCH, gitIn, type Git } from './git.ts';
import { findChanged, isThere, writeFiles } from './write.ts';

export interface ConfigRepo {
  /** Files that differ from what is committed, below the clone. */
  readonly changes: readonly string[];
  /** What would be committed, as a diff. */
  diff(): Promise<string>;
  /** Commits, and pushes unless somebody else is to do that. */
  commit(): Promise<'pushed' | 'left'>;
  /** Puts the clone back to what is committed. */
  undo(): Promise<void>;
}

export interface ConfigRepoOptions {
  /** The clone: `/root/config`. */
  dir: string;
  /** Undefined: the bare repository `localRepo`, made when there is none. */
  url: string | undefined;
  localRepo: string;
  /** `push`, or leave the commit to the operator. The local repository is always pushed to. */
  sync: 'push' | 'review' | 'patch';
  /** By name; for the local repository. */
  hooks: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** A clone that is up to date. Refuses one with changes of the operator's, which would be lost. */
export async function openConfigRepo(options: ConfigRepoOptions): Promise<Git> {
  const { dir, url, localRepo, hooks, signal } = options;
  if (url === undefined) await makeLocalRepo(localRepo, hooks, signal);
  const origin = url ?? localRepo;
  if (!(await isThere(join(dir, '.git')))) await makeClone(dir, origin, signal);
  const git = gitIn(dir, signal);
  await refuseLocalChanges(dir, git);
  await git('remote', 'set-url', 'origin', origin);
  await git('fetch', '--quiet', 'origin');
  await settleUnpushed(git, options);
  return git;
}

/** Writes the files into the clone. `once`: only those that nobody has made yet. */
export async function stageFiles(
  options: ConfigRepoOptions,
  git: Git,
  files: Readonly<Record<string, string>>,
  once: Readonly<Record<string, string>>,
): Promise<ConfigRepo> {
  const at = (path: string) => join(options.dir, path);
  const output = Object.entries(files).map(([path, content]) => ({ path: at(path), content, mode: 0o644 }));
  for (const [path, content] of Object.entries(once)) {
    if (!(await isThere(at(path)))) output.push({ path: at(path), content, mode: 0o644 });
  }
  await writeFiles(await findChanged(output));
  await git('add', '--all');
  const names = await git('diff', '--cached', '--name-only');
  return {
    changes: names === '' ? [] : names.split('\n'),
    diff: () => git('diff', '--cached'),
    commit: () => commitAndPush(options, git),
    undo: () => undo(git),
  };
}

async function commitAndPush({ url, sync }: ConfigRepoOptions, git: Git): Promise<'pushed' | 'left'> {
  await git(...IDENTITY, 'commit', '--quiet', '--message', 'Automatic update of defaults');
  if (url !== undefined && sync !== 'push') return 'left';
  try {
    await git('push', '--quiet', '--set-upstream', 'origin', `HEAD:${BRANCH}`);
  } catch (error) {
    await moveToOrigin(git); // as if nothing had been done
    throw error;
  }
  return 'pushed';
}

const EMAIL = 'sfconfig@localhost';
const IDENTITY = ['-c', 'user.name=sfconfig', '-c', `user.email=${EMAIL}`];

async function undo(git: Git): Promise<void> {
  if (await hasRef(git, 'HEAD')) await git('reset', '--quiet', '--hard', 'HEAD');
  else await git('rm', '-r', '--cached', '--quiet', '--ignore-unmatch', '.');
  await git('clean', '--quiet', '-fd');
}

async function makeLocalRepo(
  path: string,
  hooks: ConfigRepoOptions['hooks'],
  signal: AbortSignal,
): Promise<void> {
  if (!(await isThere(join(path, 'HEAD')))) {
    await mkdir(path, { recursive: true });
    await gitIn(path, signal)('init', '--quiet', '--bare', '--initial-branch', BRANCH);
  }
  const files = Object.entries(hooks).map(([name, content]) => ({
    path: join(path, 'hooks', name),
    content,
    mode: 0o755,
  }));
  await writeFiles(await findChanged(files));
}

/** Also into a directory that has files already, which stay. */
async function makeClone(dir: string, origin: string, signal: AbortSignal): Promise<void> {
  await mkdir(dir, { recursive: true });
  const git = gitIn(dir, signal);
  await git('init', '--quiet', '--initial-branch', BRANCH);
  await git('remote', 'add', 'origin', origin);
  await git('fetch', '--quiet', 'origin');
  if (await hasRef(git, ORIGIN)) {
    await git('checkout', '--quiet', '-B', BRANCH, '--track', `origin/${BRANCH}`);
  }
}

async function refuseLocalChanges(dir: string, git: Git): Promise<void> {
  const status = await git('status', '--porcelain');
  if (status === '') return;
  throw new Error(
    `${dir} has changes that are not committed:\n${status}\ncommit and push them, or remove them, then run sfconfig again`,
  );
}

/**
 * Moves the clone to what is at the origin. Commits of sfconfig that are not there, because it was interrupted, are made
 * anew; those of people stay, on top where somebody else is to push them.
 */
async function settleUnpushed(git: Git, { dir, url, sync }: ConfigRepoOptions): Promise<void> {
  const unpushed = await listUnpushed(git);
  const isOurs = unpushed.every((line) => line.startsWith(`${EMAIL} `));
  if (unpushed.length > 0 && url !== undefined && sync !== 'push') return rebase(git, dir, unpushed);
  if (isOurs) return moveToOrigin(git);
  throw new Error(
    `${dir} has commits that are not pushed:\n${unpushed.join('\n')}\npush them, or remove them, then run sfconfig again`,
  );
}

/** `somebody@example.org 1a2b3c4 Add a provider` */
async function listUnpushed(git: Git): Promise<string[]> {
  if (!(await hasRef(git, 'HEAD'))) return [];
  const range = (await hasRef(git, ORIGIN)) ? `${ORIGIN}..HEAD` : 'HEAD';
  const log = await git('log', '--format=%ae %h %s', range);
  return log === '' ? [] : log.split('\n');
}

async function rebase(git: Git, dir: string, unpushed: readonly string[]): Promise<void> {
  if (!(await hasRef(git, ORIGIN))) return;
  await git(...IDENTITY, 'rebase', '--quiet', ORIGIN).catch(async (error: unknown) => {
    await git('rebase', '--abort').catch(() => undefined);
    const list = unpushed.join('\n');
    throw new Error(
      `${dir} has commits that do not fit to those at the origin:\n${list}\n${reasonOf(error)}`,
    );
  });
}

async function moveToOrigin(git: Git): Promise<void> {
  if (await hasRef(git, ORIGIN)) return void (await git('reset', '--quiet', '--hard', ORIGIN));
  if (await hasRef(git, 'HEAD')) await git('update-ref', '-d', 'HEAD');
  await undo(git);
}

const ORIGIN = `refs/remotes/origin/${BRANCH}`;

async function hasRef(git: Git, ref: string): Promise<boolean> {
  return git('rev-parse', '--quiet', '--verify', ref).then(
    () => true,
    () => false,
  );
}
