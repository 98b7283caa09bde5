/** One run of sfconfig, from its options to its exit code. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigDriver } from '../config/providers.ts';
import { ConfigError, formatProblem, reasonOf } from '../errors.ts';
import { runAnsible, type RunIo } from './ansible.ts';
import { applyConfigRepo, previewConfigRepo } from './apply-repo.ts';
import { confirmErase } from './confirm.ts';
import { chosenPlaybook, generateFiles, playbookOptions } from './generate.ts';
import type { GroupVarsInput } from './group-vars.ts';
import { keyPaths, makeKeys } from './keys.ts';
import { linkCollection, linkFiles } from './links.ts';
import { lockRuns, type RunLock } from './lock.ts';
import type { Options } from './options.ts';
import { placesIn, placesOf, type Places } from './places.ts';
import { prepare, type Prepared } from './prepare.ts';
import { recover } from './recover.ts';
import { refuseBusyPools } from './removed-pools.ts';
import { diffOf, findChanged, isThere, makeDirectory, writeFiles } from './write.ts';

export interface RunDeps {
  io: RunIo;
  signal: AbortSignal;
  drivers: readonly ConfigDriver[];
  /** The Ansible collection, and the `nodepool` command. */
  share: string;
  nodepool: string;
}

/** What a run works with: its input, its places and the world. */
export interface Context extends RunDeps, Prepared {
  options: Options;
  places: Places;
  say(line: string): void;
}

/** Returns the exit code; never throws for anything that a person can cause. */
export async function runSfconfig(options: Options, deps: RunDeps): Promise<number> {
  const say = (line: string) => void deps.io.stdout.write(`${line}\n`);
  let lock: RunLock | undefined;
  const contextOf = (prepared: Prepared): Context => {
    for (const notice of prepared.notices) say(`note: ${notice}`);
    return { ...deps, ...prepared, options, places, say };
  };
  const places = placesOf(options);
  try {
    if (options.check) return await checkOnly(contextOf(await prepare(options)));
    // Mistakes are told before anybody waits; with a backup the files to read are in that.
    if (options.recover === undefined) await prepare(options);
    lock = await lockRuns(places.lockFile, {
      signal: deps.signal,
      onWait: () =>
        say('another run of sfconfig, or an update of the config repository, is going on; waiting for it'),
    });
    if (options.recover !== undefined) {
      await recover(options.recover, options, deps.signal);
      say(`[+] Recovered ${options.recover}`);
    }
    return await apply(contextOf(await prepare(options)), lock);
  } catch (error) {
    return report(error, options, deps);
  } finally {
    await lock?.release();
  }
}

function report(error: unknown, { recover: backup }: Options, { io, signal }: RunDeps): number {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) io.stderr.write(`${formatProblem(problem)}\n`);
    const what = backup === undefined ? 'nothing' : 'no other host';
    io.stderr.write(`sfconfig: ${what} has been changed\n`);
  } else if (signal.aborted) io.stderr.write(`sfconfig: ${reasonOf(signal.reason)}\n`);
  else io.stderr.write(`sfconfig: ${reasonOf(error)}\n`);
  return 1;
}

async function apply(context: Context, lock: RunLock | undefined): Promise<number> {
  const { options, places, settings, say } = context;
  if (options.erase && !(await confirmErase(context))) return 1;
  const usesRepo = !options.disable && !options.erase && !options.skipSetup;
  if (usesRepo && options.recover === undefined) await refuseBusyPools(context);
  await makeDirectories(places);
  for (const path of await makeKeys(places.lib, settings.fqdn)) say(`[+] Made ${path}`);
  const images = usesRepo ? await applyConfigRepo(context) : undefined;
  const input = await inputOf(context, places, images);
  const changed = await findChanged(generateFiles(input, playbookOptions(options)));
  await writeFiles(changed);
  for (const { path } of changed) say(`[+] Wrote ${path}`);
  for (const notice of await linkFiles(context)) say(`note: ${notice}`);
  if (options.skipApply) return 0;

  const done = await runAnsible({
    playbook: chosenPlaybook(options, places),
    config: places.ansibleConfig,
    args: options.erase ? ['--extra-vars', 'sfconfig_batch=true'] : [],
    logFile: places.logFile,
    lockFd: lock?.fd,
    verbose: options.verbose,
    signal: context.signal,
    io: context.io,
  });
  if (done) say(`${settings.fqdn}: SUCCESS`);
  else
    context.io.stderr.write(
      `sfconfig: not everything has succeeded; all of Ansible's output is in ${places.logFile}\n`,
    );
  return done ? 0 : 1;
}

/** Shows what would change in files, in the config repository and on the hosts. */
async function checkOnly(context: Context): Promise<number> {
  const { options, places, io, say } = context;
  const usesRepo = !options.disable && !options.skipSetup;
  if (usesRepo) await refuseBusyPools(context);
  const images = usesRepo ? await previewConfigRepo(context) : undefined;
  const input = await inputOf(context, places, images);
  const changed = await findChanged(generateFiles(input, playbookOptions(options)));
  for (const file of changed) io.stdout.write(await diffOf(file));
  if (options.skipApply) return 0;
  if (changed.some(({ path }) => path === places.inventory) && !(await isThere(places.inventory))) {
    say('the hosts have not been set up yet, so there is nothing to compare on them');
    return 0;
  }
  return (await checkHosts(context, images)) ? 0 : 1;
}

/** With what would be written, in a directory of its own, so that nothing is written where it counts. */
async function checkHosts(context: Context, images: readonly string[] | undefined): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), 'sfconfig-'));
  try {
    const places = placesIn(dir, context.places);
    const input = await inputOf(context, places, images);
    const files = generateFiles(input, playbookOptions(context.options));
    await writeFiles(files.filter(({ path }) => path.startsWith(`${dir}/`)));
    await linkCollection(context.share, places.collections);
    return await runAnsible({
      playbook: chosenPlaybook(context.options, places),
      config: places.ansibleConfig,
      args: ['--check', '--diff'],
      logFile: join(dir, 'ansible.log'),
      lockFd: undefined,
      verbose: true,
      signal: context.signal,
      io: context.io,
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function makeDirectories({ ansibleRoot, facts, lib, root }: Places): Promise<void> {
  for (const path of [ansibleRoot, join(ansibleRoot, 'group_vars'), facts, lib]) await makeDirectory(path);
  await makeDirectory(join(root, 'conf'), 0o755);
}

/** `images`: those that the config repository has; a password for another one would stop the daemons. */
async function inputOf(
  { arch, settings: given, options, enableInsecureSlaves, say }: Context,
  places: Places,
  images: readonly string[] | undefined,
): Promise<GroupVarsInput> {
  const unknown = given.registrationPasswords.filter(({ image }) => images && !images.includes(image));
  for (const { image } of unknown) {
    say(
      `note: ${options.config}: the password of ${image} is not used, since the config repository has no such diskimage`,
    );
  }
  const known = given.registrationPasswords.filter((password) => !unknown.includes(password));
  const settings = { ...given, registrationPasswords: known };
  const [packageFile, nodepool, zuul] = await Promise.all([
    findPackage(places.packages),
    readPublicKey(keyPaths(places.lib, 'nodepool_rsa').public),
    readPublicKey(keyPaths(places.lib, 'zuul_rsa').public),
  ]);
  return { arch, settings, places, enableInsecureSlaves, packageFile, publicKeys: { nodepool, zuul } };
}

/** The newest one that the operator has put there. */
async function findPackage(dir: string): Promise<string | undefined> {
  const names = await readdir(dir).catch(() => []);
  const packages = names.filter((name) => /\.(deb|tar\.gz)$/.test(name));
  const newest = packages.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  return newest === undefined ? undefined : join(dir, newest);
}

/** Before the first run there is none, which only --check sees. */
async function readPublicKey(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => 'made at the first run')).trim();
}
