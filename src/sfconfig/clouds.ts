/** Which OpenStack clouds there are: a clouds.yaml of the operator's, or one made from the settings. */
import { stat } from 'node:fs/promises';
import { parse, type Document } from '../config/document.ts';
import { asMapping, isEmpty, mappingsOf } from '../config/plain.ts';
import type { Schema } from '../config/schema.ts';
import { readSource } from '../config/source.ts';
import { validate } from '../config/validate.ts';
import type { Problem } from '../errors.ts';

export type CloudSettings =
  | { kind: 'none' }
  /** An absolute path; the file is copied as it is. */
  | { kind: 'file'; path: string }
  /** The content of clouds.yaml. */
  | { kind: 'inline'; value: Record<string, unknown> };

const NONE: CloudSettings = { kind: 'none' };

/** Adds mistakes of the settings and of the files they name. `sound`: the settings follow their schema. */
export async function checkClouds(
  main: Document,
  sound: boolean,
  problems: Problem[],
  notices: string[],
): Promise<CloudSettings> {
  const nodepool = asMapping(asMapping(main.value)?.nodepool);
  if (!nodepool || !sound) return NONE;
  const path = chooseCloudsFile(main, nodepool, problems, notices);
  if (path !== undefined && !isEmpty(nodepool.providers)) {
    const expected = 'clouds_file or providers, not both at the same time';
    problems.push(main.problem(['nodepool', 'providers'], expected, 'both'));
  }
  await checkKubeFile(main, nodepool, problems);
  if (path !== undefined) {
    const key = isEmpty(nodepool.clouds_file) || nodepool.clouds_file === '' ? 'clouds_File' : 'clouds_file';
    await checkCloudsFile(main, key, path, problems);
    return { kind: 'file', path };
  }
  if (isEmpty(nodepool.providers)) return NONE;
  for (const complaint of await validate(inlineSchema, nodepool.providers)) {
    const where = ['nodepool', 'providers', ...complaint.path];
    problems.push(main.problem(where, complaint.expected, complaint.found));
  }
  return { kind: 'inline', value: cloudsOf(main) };
}

/** `clouds_File` is how the operator's manual writes it. */
function chooseCloudsFile(
  main: Document,
  nodepool: Record<string, unknown>,
  problems: Problem[],
  notices: string[],
): string | undefined {
  const [usual, manual] = [nodepool.clouds_file, nodepool.clouds_File].map((value) =>
    typeof value === 'string' && value !== '' ? value : undefined,
  );
  if (manual === undefined) return usual;
  if (usual !== undefined && usual !== manual) {
    const path = ['nodepool', 'clouds_File'];
    problems.push(main.problem(path, `the same path as clouds_file, or one of the two keys only`));
  }
  const line = main.lineOf(['nodepool', 'clouds_File']) ?? 1;
  notices.push(`${main.source.file}:${line}: clouds_File is accepted; clouds_file is the usual spelling`);
  return manual;
}

async function checkCloudsFile(
  main: Document,
  key: string,
  path: string,
  problems: Problem[],
): Promise<void> {
  if (!(await isFile(path))) return void problems.push(missing(main, key, path));
  const read = await readSource(path, {}, { secret: true });
  if ('problem' in read) return void problems.push(read.problem);
  const document = parse(read.source);
  problems.push(...document.problems);
  if (document.problems.length > 0) return;
  for (const { path: where, expected, found } of await validate(cloudsSchema, document.value)) {
    problems.push(document.problem(where, expected, found));
  }
}

async function checkKubeFile(
  main: Document,
  nodepool: Record<string, unknown>,
  problems: Problem[],
): Promise<void> {
  const path = nodepool.kube_file;
  if (typeof path !== 'string' || path === '' || (await isFile(path))) return;
  problems.push(missing(main, 'kube_file', path));
}

function missing(main: Document, key: string, path: string): Problem {
  return main.problem(['nodepool', key], 'the path of a file', `${path}: does not exist`);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

const cloudsSchema: Schema = {
  type: 'object',
  properties: {
    clouds: { type: 'object', additionalProperties: { type: 'object' }, expected: 'a mapping of clouds' },
  },
  required: ['clouds'],
  expected: 'a mapping with "clouds"',
};

const text: Schema = { type: 'string', minLength: 1, expected: 'a string' };
const inlineSchema: Schema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      name: text,
      auth_url: text,
      project_name: text,
      username: text,
      password: text,
      region_name: text,
      regions: { type: 'array', items: text, expected: 'a list of strings' },
      user_domain_name: text,
      project_domain_name: text,
      image_format: { enum: ['raw', 'qcow2'] },
      api_timeout: { type: 'integer', minimum: 1 },
    },
    required: ['name', 'auth_url', 'project_name', 'username', 'password'],
  },
};

const AUTH_KEYS = [
  'auth_url',
  'project_name',
  'username',
  'password',
  'user_domain_name',
  'project_domain_name',
];
const CLOUD_KEYS = ['region_name', 'regions', 'image_format'];
const DEFAULT_API_TIMEOUT_S = 60;
/** Seconds that answers of a cloud are believed. */
const CACHE_S = 5;

function cloudsOf(main: Document): Record<string, unknown> {
  const whole = asMapping(main.value) ?? {};
  const isCutOff = asMapping(whole.network)?.disable_external_resources === true;
  const clouds = mappingsOf(asMapping(whole.nodepool)?.providers).map(([, given]) => {
    const auth = pick(given, AUTH_KEYS);
    if (isCutOff) auth.auth_url = 'http://localhost:4242';
    const timeout = given.api_timeout ?? DEFAULT_API_TIMEOUT_S;
    return [String(given.name), { api_timeout: timeout, auth, ...pick(given, CLOUD_KEYS) }] as const;
  });
  return {
    cache: { expiration: { server: CACHE_S, port: CACHE_S, 'floating-ip': CACHE_S } },
    clouds: Object.fromEntries(clouds),
  };
}

function pick(from: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])));
}
