/** clouds.yaml and its companions: where they are looked for, and what they say together. */
import { readFile } from 'node:fs/promises';
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
  /** Changes with the content of any of the files. */
  version: string;
}

const SUFFIXES = ['.yaml', '.yml', '.json'];

/**
 * Reads the first readable file of each kind. Order: `OS_CLIENT_CONFIG_FILE` (and `OS_CLIENT_SECURE_FILE`), working
 * directory, `~/.config/openstack`, `/etc/xdg/openstack`, `/etc/openstack`; the OpenStack SDK's. Throws CloudError.
 */
export async function readClouds(surroundings: Surroundings): Promise<Clouds> {
  const { env } = surroundings;
  const [clouds, secure, vendors] = await Promise.all([
    readFirst(candidates('clouds', env['OS_CLIENT_CONFIG_FILE'], surroundings)),
    readFirst(candidates('secure', env['OS_CLIENT_SECURE_FILE'], surroundings)),
    readFirst(candidates('clouds-public', env['OS_CLIENT_VENDOR_FILE'], surroundings)),
  ]);
  const fromEnvironment = cloudOfEnvironment(env);
  if (clouds === undefined && fromEnvironment === undefined) {
    const places = candidates('clouds', env['OS_CLIENT_CONFIG_FILE'], surroundings);
    const shown = places.filter((path) => !path.endsWith('.yml') && !path.endsWith('.json'));
    throw new CloudError(`no clouds.yaml is readable; looked for ${shown.join(', ')}`);
  }
  const top = merge(clouds?.value ?? {}, secure?.value ?? {});
  return {
    file: clouds?.file ?? 'the environment (OS_*)',
    entries: { ...asSection(top['clouds']), ...fromEnvironment },
    profiles: asSection(vendors?.value['public-clouds']) ?? {},
    top,
    version: JSON.stringify([clouds?.text, secure?.text, vendors?.text]),
  };
}

function candidates(name: string, explicit: string | undefined, { cwd, home }: Surroundings): string[] {
  const directories = [cwd, join(home, '.config/openstack'), '/etc/xdg/openstack', '/etc/openstack'];
  const usual = directories.flatMap((directory) => SUFFIXES.map((suffix) => join(directory, name + suffix)));
  return explicit ? [explicit, ...usual] : usual;
}

interface Found {
  file: string;
  text: string;
  value: Section;
}

async function readFirst(paths: readonly string[]): Promise<Found | undefined> {
  for (const file of paths) {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch {
      continue; // absent or not ours to read: the next one counts
    }
    return { file, text, value: parse(file, text) };
  }
  return undefined;
}

function parse(file: string, text: string): Section {
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
