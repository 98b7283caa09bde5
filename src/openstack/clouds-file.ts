/** clouds.yaml and its companions: where they are looked for, and what they say together. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { CloudError } from './errors.ts';
import { asSection, merge, type Section } from './section.ts';

/** What decides where files are found; `src/bin/` passes those of the process. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  home: string;
}

export interface Clouds {
  /** The file that names the clouds: `/etc/openstack/clouds.yaml`. */
  file: string;
  /** Of the key `clouds`, with the secure file merged over it. */
  entries: Section;
  /** Of the key `public-clouds` in clouds-public.yaml. */
  profiles: Section;
  /** The whole of clouds.yaml: `client: {force_ipv4: true}`. */
  top: Section;
}

/** Texts as they were read, not understood yet. */
export interface CloudFiles {
  clouds: Found | undefined;
  secure: Found | undefined;
  vendors: Found | undefined;
  /** Changes with the content of any of the files. */
  version: string;
}

interface Found {
  file: string;
  text: string;
}

const SUFFIXES = ['.yaml', '.yml', '.json'];

/**
 * Reads the first readable file of each kind. Order: `OS_CLIENT_CONFIG_FILE` (and `OS_CLIENT_SECURE_FILE`), working
 * directory, `~/.config/openstack`, `/etc/xdg/openstack`, `/etc/openstack`; the OpenStack SDK's.
 */
export async function readCloudFiles(surroundings: Surroundings): Promise<CloudFiles> {
  const { env } = surroundings;
  const there = await Promise.all(directoriesOf(surroundings).map(namesIn));
  const read = (name: string, explicit: string | undefined) =>
    readFirst(candidates(name, explicit, surroundings, there));
  const [clouds, secure, vendors] = await Promise.all([
    read('clouds', env['OS_CLIENT_CONFIG_FILE']),
    read('secure', env['OS_CLIENT_SECURE_FILE']),
    read('clouds-public', env['OS_CLIENT_VENDOR_FILE']),
  ]);
  const version = JSON.stringify([clouds?.text, secure?.text, vendors?.text]);
  return { clouds, secure, vendors, version };
}

/** What the files say. Throws CloudError. */
export function parseClouds({ clouds, secure, vendors }: CloudFiles, surroundings: Surroundings): Clouds {
  const { env } = surroundings;
  const fromEnvironment = cloudOfEnvironment(env);
  if (clouds === undefined && fromEnvironment === undefined) {
    const places = candidates('clouds', env['OS_CLIENT_CONFIG_FILE'], surroundings);
    const shown = places.filter((path) => !path.endsWith('.yml') && !path.endsWith('.json'));
    throw new CloudError(`no clouds.yaml is readable; looked for ${shown.join(', ')}`);
  }
  const top = merge(parse(clouds), parse(secure));
  return {
    file: clouds?.file ?? 'the environment (OS_*)',
    entries: { ...asSection(top['clouds']), ...fromEnvironment },
    profiles: asSection(parse(vendors)['public-clouds']) ?? {},
    top,
  };
}

function directoriesOf({ cwd, home }: Surroundings): string[] {
  return [cwd, join(home, '.config/openstack'), '/etc/xdg/openstack', '/etc/openstack'];
}

/** Undefined: it cannot be listed, which does not mean that nothing in it can be read. */
async function namesIn(directory: string): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set(await readdir(directory));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Set() : undefined;
  }
}

/** `there`: what is in each of the directories; without it every name counts. */
function candidates(
  name: string,
  explicit: string | undefined,
  surroundings: Surroundings,
  there?: readonly (ReadonlySet<string> | undefined)[],
): string[] {
  const usual = directoriesOf(surroundings).flatMap((directory, index) =>
    SUFFIXES.map((suffix) => name + suffix)
      .filter((file) => there?.[index]?.has(file) ?? true)
      .map((file) => join(directory, file)),
  );
  return explicit ? [explicit, ...usual] : usual;
}

async function readFirst(paths: readonly string[]): Promise<Found | undefined> {
  for (const file of paths) {
    try {
      return { file, text: await readFile(file, 'utf8') };
    } catch {
      continue; // absent or not ours to read: the next one counts
    }
  }
  return undefined;
}

function parse(found: Found | undefined): Section {
  if (found === undefined) return {};
  const { file, text } = found;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw new CloudError(`${file}:${line}: expected YAML, found a mistake: ${error.message}`);
  }
  const value: unknown = document.toJS();
  if (value === null) return {};
  const section = asSection(value);
  if (section === undefined) throw new CloudError(`${file}: expected a mapping, found something else`);
  return section;
}

/** Where the variables go that are not part of `auth`. */
const OUTSIDE_AUTH = new Set([
  'region_name',
  'interface',
  'endpoint_type',
  'cacert',
  'cert',
  'key',
  'auth_type',
]);
const NOT_OF_A_CLOUD = /^OS_(CLIENT_|CLOUD(_NAME)?$|FORCE_IPV4$)/;

/** The cloud `envvars` (or `OS_CLOUD_NAME`), made from `OS_USERNAME` and its like; undefined without `OS_AUTH_URL`. */
function cloudOfEnvironment(env: Surroundings['env']): Section | undefined {
  if (!env['OS_AUTH_URL']) return undefined;
  const auth: Record<string, unknown> = {};
  const cloud: Record<string, unknown> = { auth };
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('OS_') || NOT_OF_A_CLOUD.test(name) || value === undefined) continue;
    const key = name.slice('OS_'.length).toLowerCase();
    (OUTSIDE_AUTH.has(key) || key.endsWith('_api_version') ? cloud : auth)[key] = value;
  }
  return { [env['OS_CLOUD_NAME'] ?? 'envvars']: cloud };
}
