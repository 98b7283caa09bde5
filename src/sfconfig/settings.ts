/** sfconfig.yaml and custom-vars.yaml: what the operator sets besides the architecture. */
import type { Document } from '../config/document.ts';
import { asMapping, isEmpty, mappingsOf } from '../config/plain.ts';
import type { Schema } from '../config/schema.ts';
import { validate } from '../config/validate.ts';
import { nearest, quote, type Path } from '../config/words.ts';
import type { Problem } from '../errors.ts';
import { checkClouds, type CloudSettings } from './clouds.ts';

export interface Settings {
  fqdn: string;
  debug: boolean;
  clouds: CloudSettings;
  /** Path of a file for the OpenShift client; undefined: none. */
  kubeFile: string | undefined;
  registrationPasswords: readonly { image: string; password: string }[];
  /** From a file; the command line may say so too. */
  enableInsecureSlaves: boolean;
  configRepo: { url: string | undefined; sync: 'push' | 'review' | 'patch' };
  /** Complete lines for /etc/hosts. */
  staticHostnames: readonly string[];
  /** Set for a tenant of another Software Factory, which may not have a Nodepool. */
  isTenant: boolean;
  /** custom-vars.yaml: variables for Ansible that win over all others. */
  customVars: Readonly<Record<string, unknown>>;
}

export interface ReadSettings {
  settings: Settings;
  problems: readonly Problem[];
  notices: readonly string[];
}

const pathOrNothing: Schema = {
  type: ['string', 'null'],
  pattern: '^(/|$)',
  expected: 'an absolute path',
};

const settingsSchema: Schema = {
  type: 'object',
  properties: {
    fqdn: {
      type: 'string',
      pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$',
      expected: 'a domain name',
    },
    debug: { type: ['boolean', 'null'], expected: 'true or false' },
    network: {
      type: ['object', 'null'],
      properties: {
        static_hostnames: {
          type: ['array', 'null'],
          items: { type: 'string' },
          expected: 'a list of lines for /etc/hosts',
        },
        disable_external_resources: { type: 'boolean' },
      },
      expected: 'a mapping',
    },
    'config-locations': {
      type: ['object', 'null'],
      properties: {
        'config-repo': { type: ['string', 'null'], expected: 'the address of a git repository' },
        strategy: {
          type: ['object', 'null'],
          properties: { sync: { enum: ['push', 'review', 'patch'] } },
          expected: 'a mapping',
        },
      },
      expected: 'a mapping',
    },
    nodepool: {
      type: ['object', 'null'],
      properties: {
        clouds_file: pathOrNothing,
        clouds_File: pathOrNothing,
        kube_file: pathOrNothing,
        providers: { type: ['array', 'null'], items: { type: 'object' }, expected: 'a list of clouds' },
        dib_reg_passwords: {
          type: ['array', 'null'],
          items: {
            type: 'object',
            properties: {
              image_name: { type: 'string', minLength: 1, expected: 'the name of a diskimage' },
              reg_password: {
                anyOf: [{ type: 'string', minLength: 1 }, { type: ['number', 'boolean'] }],
                expected: 'a password (not empty)',
              },
            },
            required: ['image_name', 'reg_password'],
          },
          expected: 'a list of image_name and reg_password',
        },
      },
      expected: 'a mapping',
    },
  },
};

const NODEPOOL_KEYS = [
  'clouds_file',
  'clouds_File',
  'kube_file',
  'providers',
  'dib_reg_passwords',
  'k1s_default_pods',
];
const DEFAULT_FQDN = 'sftests.com';

/** Reads the files that are named in it, too: a cloud file that is missing or broken is a mistake of the settings. */
export async function readSettings(main: Document, custom: Document): Promise<ReadSettings> {
  const problems: Problem[] = [...main.problems, ...custom.problems];
  const notices: string[] = [];
  if (main.problems.length === 0) {
    for (const { path, expected, found } of await validate(settingsSchema, main.value ?? {})) {
      problems.push(main.problem(path, expected, found));
    }
  }
  if (custom.problems.length === 0 && custom.value !== null && !asMapping(custom.value)) {
    problems.push(custom.problem([], 'a mapping of variables'));
  }
  const sound = problems.length === 0;
  const whole = asMapping(main.value) ?? {};
  const nodepool = asMapping(whole.nodepool) ?? {};
  notices.push(...noticeNodepoolKeys(main, nodepool));
  const settings: Settings = {
    fqdn: typeof whole.fqdn === 'string' ? whole.fqdn : DEFAULT_FQDN,
    debug: whole.debug === true,
    clouds: await checkClouds(main, sound, problems, notices),
    kubeFile: textOf(nodepool.kube_file),
    registrationPasswords: sound ? readPasswords(main, nodepool, problems) : [],
    enableInsecureSlaves: readPermission(main, custom, problems),
    configRepo: readConfigRepo(whole),
    staticHostnames: (asMapping(whole.network)?.static_hostnames as string[] | null | undefined) ?? [],
    isTenant: !isEmpty(whole['tenant-deployment']),
    customVars: asMapping(custom.value) ?? {},
  };
  return { settings, problems: problems.sort(byPlace), notices };
}

/** By file as they were read, then by line. */
function byPlace(a: Problem, b: Problem): number {
  return a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : 0;
}

function noticeNodepoolKeys(main: Document, nodepool: Record<string, unknown>): string[] {
  return Object.keys(nodepool).flatMap((key) => {
    const meant = NODEPOOL_KEYS.includes(key) ? undefined : nearest(key, NODEPOOL_KEYS);
    if (!meant) return [];
    const line = main.lineOf(['nodepool', key]) ?? 1;
    return [`${main.source.file}:${line}: ${quote(key)} means nothing here; ${quote(meant)} does`];
  });
}

/** A password of digits is a password: it is taken as it stands in the file. */
function readPasswords(
  main: Document,
  nodepool: Record<string, unknown>,
  problems: Problem[],
): { image: string; password: string }[] {
  const seen = new Set<unknown>();
  return mappingsOf(nodepool.dib_reg_passwords).map(([index, entry]) => {
    const path: Path = ['nodepool', 'dib_reg_passwords', index];
    const image = String(entry.image_name);
    if (seen.has(image)) {
      problems.push(main.problem([...path, 'image_name'], 'each image once', `${quote(image)} again`));
    }
    seen.add(image);
    const given = entry.reg_password;
    const password = typeof given === 'string' ? given : (main.textAt([...path, 'reg_password']) ?? '');
    return { image, password };
  });
}

const PERMISSIONS = ['enable_insecure_slaves', 'enable_insecure_workers'];

/** Exactly `true`: text that looks like it is not a decision. custom-vars.yaml wins. */
function readPermission(main: Document, custom: Document, problems: Problem[]): boolean {
  let allowed = false;
  for (const document of [main, custom]) {
    for (const key of PERMISSIONS) {
      const value = asMapping(document.value)?.[key];
      if (value === undefined) continue;
      if (typeof value === 'boolean') allowed = value;
      else problems.push(document.problem([key], 'true or false, without quotes'));
    }
  }
  return allowed;
}

function readConfigRepo(whole: Record<string, unknown>): Settings['configRepo'] {
  const section = asMapping(whole['config-locations']) ?? {};
  const sync = asMapping(section.strategy)?.sync;
  return { url: textOf(section['config-repo']), sync: sync === 'review' || sync === 'patch' ? sync : 'push' };
}

/** Empty counts as absent. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
