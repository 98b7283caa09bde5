/** Reads and checks all input of a run. Touches nothing. */
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { parse, type Document } from '../config/document.ts';
import { makeSource, readSource } from '../config/source.ts';
import { ConfigError, type Problem } from '../errors.ts';
import { hostsWith, readArch, type Arch } from './arch.ts';
import type { Options } from './options.ts';
import { readSettings, type Settings } from './settings.ts';

export interface Prepared {
  arch: Arch;
  settings: Settings;
  /** As the option or a variable has it. */
  enableInsecureSlaves: boolean;
  notices: readonly string[];
}

/** Throws ConfigError with every mistake of all three files. */
export async function prepare(options: Options): Promise<Prepared> {
  const [archFile, settingsFile, customFile] = await Promise.all([
    open(options.arch),
    open(options.config),
    open(options.extra, { mayBeAbsent: true }),
  ]);
  const { settings, problems, notices } = await readSettings(settingsFile, customFile);
  const enableInsecureSlaves = options.enableInsecureSlaves || settings.enableInsecureSlaves;
  const localIp = await findLocalAddress();
  const read = await readArch(archFile, { fqdn: settings.fqdn, localIp, enableInsecureSlaves });
  const all = [...read.problems, ...problems, ...checkTenant(settings, settingsFile, read.arch)];
  if (all.length > 0) throw new ConfigError(all);
  return { arch: read.arch, settings, enableInsecureSlaves, notices: [...read.notices, ...notices] };
}

/** A file that cannot be read is an empty one with that mistake. */
async function open(file: string, { mayBeAbsent = false } = {}): Promise<Document> {
  const empty = parse(makeSource(file, '', {}));
  if (mayBeAbsent && !(await isThere(file))) return empty;
  const read = await readSource(file, {});
  if ('problem' in read) return { ...empty, problems: [read.problem] };
  return parse(read.source);
}

async function isThere(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT',
  );
}

function checkTenant({ isTenant }: Settings, document: Document, arch: Arch): Problem[] {
  if (!isTenant || hostsWith(arch, 'nodepool-launcher', 'nodepool-builder').length === 0) return [];
  const expected = 'no Nodepool in a tenant deployment';
  return [document.problem(['tenant-deployment'], expected, 'roles of Nodepool in the architecture')];
}

/**
 * The address of this machine that others see: the source of the route to the Internet; no packet is sent. Undefined
 * without such a route.
 */
async function findLocalAddress(): Promise<string | undefined> {
  const args = ['-json', 'route', 'get', '8.8.8.8'];
  const { stdout, failed } = await execa('ip', args, { reject: false, timeout: 10_000, stdin: 'ignore' });
  if (failed) return undefined;
  try {
    const [route] = JSON.parse(stdout) as { prefsrc?: string }[];
    return route?.prefsrc;
  } catch {
    return undefined;
  }
}
