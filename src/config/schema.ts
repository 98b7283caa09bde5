/**
 * JSON Schemas of a provider section. A driver describes only its own keys and lets `providerSchema` add what all
 * providers share:
 *
 *     schema: providerSchema({
 *       provider: { 'zuul-console-dir': { ...absolutePath, default: '/tmp' } },
 *       pool: { 'host-key': stringOrStrings },
 *       label: { username: { ...text, default: 'zuul' }, path: { ...absolutePath, default: '/' } },
 *       requires: { provider: ['pools'], pool: ['labels'] },
 *     })
 *
 * - Properties are JSON Schema (draft 7), checked by ajv in strict mode: a schema with `properties`, `items`, `minimum`
 *   or `pattern` also names its `type`.
 * - `default` fills a missing key, so the driver finds it in `options`.
 * - `expected: 'an absolute path'` is our own annotation: the words for "expected …" in the error message. Without it
 *   they are made from the schema.
 * - A shared key may be given again, with another default or a narrower type; unknown keys are mistakes; keys that start
 *   with `x-` are the operator's own and allowed everywhere.
 */
export type Schema = Readonly<Record<string, unknown>>;
export type Properties = Readonly<Record<string, Schema>>;

export interface DriverSchema {
  /** Keys of the provider itself. */
  provider?: Properties;
  /** Keys of each entry of `pools`. */
  pool?: Properties;
  /** Keys of each entry of a pool's `labels`; `null`: pools of this driver have no `labels` key. */
  label?: Properties | null;
  /** Keys that must be present, besides `name`. */
  requires?: { provider?: readonly string[]; pool?: readonly string[]; label?: readonly string[] };
}

export const text: Schema = { type: 'string', minLength: 1, expected: 'a string' };
export const flag: Schema = { type: 'boolean' };
export const integer: Schema = { type: 'integer' };
export const positiveInteger: Schema = { type: 'integer', minimum: 1 };
export const port: Schema = {
  type: 'integer',
  minimum: 1,
  maximum: 65535,
  expected: 'a port number (1–65535)',
};
/** Seconds, whole or not, above 0. */
export const seconds: Schema = {
  type: 'number',
  exclusiveMinimum: 0,
  expected: 'a number of seconds above 0',
};
/** Seconds, whole or not, 0 allowed. */
export const delaySeconds: Schema = { type: 'number', minimum: 0, expected: 'a number of seconds' };
export const absolutePath: Schema = { type: 'string', pattern: '^/', expected: 'an absolute path' };
export const texts: Schema = { type: 'array', items: text, expected: 'a list of strings' };
/** `a` or `[a, b]`. */
export const stringOrStrings: Schema = { anyOf: [text, texts], expected: 'a string or a list of strings' };
export const mapping: Schema = { type: 'object' };
/** Names of providers, pools and images are parts of paths in the store. */
export const pathName: Schema = {
  type: 'string',
  pattern: '^[^/\\u0000-\\u001f\\u007f]+$',
  expected: 'a name (a string without "/" or control characters)',
};
export const labelName: Schema = {
  type: 'string',
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
  expected: 'a name (a string)',
};

const SHARED_PROVIDER: Properties = {
  name: pathName,
  driver: text,
  'max-concurrency': { type: 'integer', minimum: -1, expected: 'an integer (-1 for unlimited)' },
  'launch-retries': positiveInteger,
  'launch-timeout': seconds,
  'boot-timeout': seconds,
  priority: integer,
  /** Left over by Software Factory's merge of the config repository; means nothing here. */
  'launcher-host': { type: ['string', 'null'] },
};

const SHARED_POOL: Properties = {
  name: pathName,
  'max-servers': integer,
  'max-cores': integer,
  'max-ram': integer,
  'max-volumes': integer,
  'max-volume-gb': integer,
  'max-resources': {
    type: 'object',
    additionalProperties: integer,
    expected: 'a mapping of names to integers',
  },
  'ignore-provider-quota': flag,
  priority: integer,
  'node-attributes': mapping,
  'host-key-checking': flag,
};

const SHARED_LABEL: Properties = { name: labelName };

/** Keys that end in fields of `ProviderConfig`, `PoolConfig` and `PoolLabel`; all others are `options`. */
export const SHARED_KEYS = {
  provider: new Set([...Object.keys(SHARED_PROVIDER), 'pools']),
  pool: new Set([...Object.keys(SHARED_POOL), 'labels']),
  label: new Set(Object.keys(SHARED_LABEL)),
};

/** The schema of a whole provider section, ready for `Driver.schema`. */
export function providerSchema({
  provider = {},
  pool = {},
  label = {},
  requires = {},
}: DriverSchema): Schema {
  const labels = label && {
    labels: list(section({ ...SHARED_LABEL, ...label }, ['name', ...(requires.label ?? [])])),
  };
  const pools = list(section({ ...SHARED_POOL, ...pool, ...labels }, ['name', ...(requires.pool ?? [])]));
  return section({ ...SHARED_PROVIDER, ...provider, pools }, ['name', ...(requires.provider ?? [])]);
}

/** A mapping with known keys only; `x-…` is free. */
export function section(properties: Properties, required: readonly string[] = []): Schema {
  return {
    type: 'object',
    properties,
    required,
    patternProperties: { '^x-': true },
    additionalProperties: false,
  };
}

export function list(items: Schema): Schema {
  return { type: 'array', items };
}
