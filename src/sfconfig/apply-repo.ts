/** The config repository in a run: what is wrong is refused before anything is committed. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadConfigRepo, type MergedConfig } from '../config/repo/load.ts';
import { formatWarning } from '../config/warnings.ts';
import { hostsWith } from './arch.ts';
import { openConfigRepo, stageFiles, type ConfigRepoOptions } from './config-repo.ts';
import { postUpdateHook, updateHook } from './hooks.ts';
import { firstFiles, ownedFiles } from './repo-files.ts';
import type { Context } from './run.ts';
import { diffOf, isThere, writeFiles, type OutputFile } from './write.ts';

/** Commits what the architecture decides, and pushes it. Answers the names of the diskimages. */
export async function applyConfigRepo(context: Context): Promise<readonly string[]> {
  const { arch, places, say } = context;
  const options = repoOptions(context);
  const git = await openConfigRepo(options);
  const staged = await stageFiles(options, git, ownedFiles(arch), firstFiles());
  let merged: MergedConfig;
  try {
    merged = await mergeAll(places.configDir, context);
  } catch (error) {
    await staged.undo();
    throw error;
  }
  for (const warning of merged.warnings) say(`note: ${formatWarning(warning)}`);
  if (staged.changes.length === 0) return merged.diskimages;
  const outcome = await staged.commit();
  say(`[+] Committed to the config repository: ${staged.changes.join(', ')}`);
  if (outcome === 'left')
    say(`note: the commit in ${places.configDir} waits for you to have it reviewed and pushed`);
  return merged.diskimages;
}

/** The same without touching the repository: shows what would be committed. */
export async function previewConfigRepo(context: Context): Promise<readonly string[]> {
  const { arch, places, io } = context;
  const at = (dir: string, files: Record<string, string>): OutputFile[] =>
    Object.entries(files).map(([path, content]) => ({ path: join(dir, path), content, mode: 0o644 }));
  for (const file of at(places.configDir, ownedFiles(arch))) io.stdout.write(await diffOf(file));
  const dir = await mkdtemp(join(tmpdir(), 'sfconfig-repo-'));
  try {
    const source = join(places.configDir, 'nodepool');
    if (await isThere(source)) await cp(source, join(dir, 'nodepool'), { recursive: true });
    await writeFiles(at(dir, ownedFiles(arch)));
    return (await mergeAll(dir, context)).diskimages;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** As a builder sees it, to which all providers count. */
async function mergeAll(dir: string, { arch, drivers }: Context): Promise<MergedConfig> {
  const launchers = hostsWith(arch, 'nodepool-launcher').map(({ name }) => name);
  return loadConfigRepo({ dir, host: { hostname: '', builder: true }, drivers, launchers });
}

function repoOptions({ arch, settings, places, nodepool, signal }: Context): ConfigRepoOptions {
  const paths = {
    ansibleConfig: places.ansibleConfig,
    updatePlaybook: join(places.ansibleRoot, 'sf_configrepo_update.yml'),
    lockFile: places.lockFile,
    logFile: join(dirname(places.logFile), 'configrepo_update.log'),
    nodepool,
    launchers: hostsWith(arch, 'nodepool-launcher').map(({ name }) => name),
  };
  return {
    dir: places.configDir,
    url: settings.configRepo.url,
    localRepo: places.localRepo,
    sync: settings.configRepo.sync,
    hooks: { update: updateHook(paths), 'post-update': postUpdateHook(paths) },
    signal,
  };
}
