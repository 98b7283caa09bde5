/** JSON Schemas of nodepool.yaml and of the secure file; provider sections have their driver's. */
import {
  flag,
  integer,
  labelName,
  list,
  mapping,
  pathName,
  port,
  section,
  text,
  texts,
  type Schema,
} from './schema.ts';

const quotedTexts: Schema = {
  type: 'object',
  additionalProperties: {
    type: 'string',
    expected: 'a string (in quotes, if it looks like a number or true/false)',
  },
};

const label = section({ name: labelName, 'min-ready': integer, 'max-ready-age': integer }, ['name']);

const diskimage = section(
  {
    name: pathName,
    abstract: flag,
    parent: text,
    elements: texts,
    'dib-cmd': text,
    formats: texts,
    release: {
      type: ['string', 'integer'],
      expected: 'a string or an integer (quote a version like "22.10")',
    },
    'rebuild-age': { type: 'integer', minimum: 0 },
    'build-timeout': { type: 'integer', minimum: 0 },
    'env-vars': quotedTexts,
    pause: flag,
    username: text,
    'python-path': text,
    'shell-type': text,
    metadata: {
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean'] },
      expected: 'a mapping of texts',
    },
    'delete-after-upload': flag,
    'keep-formats': texts,
  },
  ['name'],
);

const tenantLimits: Schema = {
  ...section(
    {
      'tenant-name': text,
      'max-cores': integer,
      'max-servers': integer,
      'max-ram': integer,
      'max-volumes': integer,
      'max-volume-gb': integer,
    },
    ['tenant-name'],
  ),
  // Any other key limits a resource of that name.
  additionalProperties: integer,
};

/** `true`: checked in state-location.ts, where no schema is needed. */
export const mainSchema: Schema = section({
  'state-dir': {},
  'zookeeper-servers': {},
  'zookeeper-tls': {},
  'zookeeper-timeout': {},
  webapp: section({ port, builder_port: port, listen_address: text, token_file: text }),
  'elements-dir': text,
  'images-dir': text,
  'build-log-dir': text,
  'build-log-retention': integer,
  'max-hold-age': integer,
  labels: list(label),
  diskimages: list(diskimage),
  providers: list(mapping),
  'tenant-resource-limits': list(tenantLimits),
});

/** What must hold for any provider, to name mistakes while its driver is not known. */
export const anyProviderSchema: Schema = {
  type: 'object',
  properties: { name: pathName, driver: text },
  required: ['name'],
};

/** Other keys mean nothing there and are allowed: some files hold a dummy. */
export const secureSchema: Schema = {
  type: 'object',
  properties: {
    diskimages: list(section({ name: pathName, 'env-vars': { type: 'object' } }, ['name', 'env-vars'])),
  },
};
