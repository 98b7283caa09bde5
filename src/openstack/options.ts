/** What an openstack provider section may say, and its values in the form in which the driver uses them. */
import type { Options, PoolConfig, PoolLabel, ProviderConfig } from '../config/config.ts';
import {
  delaySeconds,
  flag,
  integer,
  list,
  mapping,
  pathName,
  port,
  positiveInteger,
  providerSchema,
  section,
  text,
  texts,
  type Properties,
  type Schema,
} from '../config/schema.ts';
import type { ReportProblem } from '../driver/driver.ts';
import { diskimagesKey, IMAGE_PROVIDER_KEYS } from '../driver/images.ts';
import { templateProblem } from './template.ts';

/** Upstream takes whatever Python's float() does: numbers, and texts of numbers. */
const rate: Schema = {
  anyOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: '^[0-9]+([.][0-9]*)?$' },
  ],
  expected: 'a number of seconds between calls (0 for no limit)',
};
const connection: Properties = {
  'config-drive': flag,
  'connection-type': text,
  'connection-port': port,
};

export const openstackSchema = providerSchema({
  provider: {
    cloud: text,
    'region-name': text,
    rate,
    'hostname-format': text,
    'clean-floating-ips': flag,
    'port-cleanup-interval': delaySeconds,
    'nodepool-id': { anyOf: [text, { type: 'null' }], expected: 'a string' },
    ...IMAGE_PROVIDER_KEYS,
    diskimages: diskimagesKey(connection),
    'cloud-images': list(
      section(
        {
          name: pathName,
          'image-id': text,
          'image-name': text,
          username: text,
          'python-path': text,
          'shell-type': text,
          ...connection,
        },
        ['name'],
      ),
    ),
  },
  pool: {
    'availability-zones': texts,
    networks: texts,
    'security-groups': texts,
    'auto-floating-ip': flag,
  },
  label: {
    diskimage: text,
    'cloud-image': text,
    'min-ram': integer,
    'flavor-name': text,
    'key-name': text,
    'console-log': flag,
    'boot-from-volume': flag,
    'volume-size': positiveInteger,
    'volume-type': text,
    'instance-properties': mapping,
    'dynamic-instance-properties': mapping,
    userdata: text,
    networks: texts,
    'host-key-checking': flag,
  },
  requires: { provider: ['cloud'] },
});

export interface ProviderOptions {
  cloud: string;
  region: string | undefined;
  /** The least time between two calls of one service. */
  rateMs: number;
  hostnameFormat: string | undefined;
  cleanFloatingIps: boolean;
  /** 0: ports are left alone. */
  portCleanupMs: number;
  diskimages: ReadonlyMap<string, DiskImageOptions>;
  cloudImages: ReadonlyMap<string, CloudImageOptions>;
}

export interface ImageConnection {
  configDrive: boolean;
  connectionType: string;
  connectionPort: number;
}

export interface DiskImageOptions extends ImageConnection {
  name: string;
}

export interface CloudImageOptions extends ImageConnection {
  name: string;
  /** Used as it is. */
  id: string | undefined;
  /** Name or id, looked up in the cloud. */
  lookUp: string;
  username: string | undefined;
  pythonPath: string;
  shellType: string | undefined;
}

export interface PoolOptions {
  zones: readonly string[];
  securityGroups: readonly string[];
  autoFloatingIp: boolean;
}

export interface LabelOptions {
  name: string;
  diskimage: string | undefined;
  cloudImage: string | undefined;
  /** MiB; 0: any. */
  minRam: number;
  flavorName: string | undefined;
  keyName: string | undefined;
  consoleLog: boolean;
  bootFromVolume: boolean;
  /** GB. */
  volumeSize: number;
  volumeType: string | undefined;
  properties: Options;
  /** Templates: `{ 'job': '{request.requestor}' }`. */
  dynamicProperties: Options;
  userdata: string | undefined;
  networks: readonly string[];
  hostKeyChecking: boolean;
}

export function readProviderOptions({ options }: Pick<ProviderConfig, 'options'>): ProviderOptions {
  const diskimages = entriesOf(options['diskimages']).map((image) => ({
    name: image['name'] as string,
    ...readConnection(image),
  }));
  const cloudImages = entriesOf(options['cloud-images']).map((image) => ({
    name: image['name'] as string,
    id: image['image-id'] as string | undefined,
    lookUp: ((image['image-id'] ?? image['image-name']) as string | undefined) ?? (image['name'] as string),
    username: image['username'] as string | undefined,
    pythonPath: (image['python-path'] as string | undefined) ?? 'auto',
    shellType: image['shell-type'] as string | undefined,
    ...readConnection(image),
  }));
  return {
    cloud: options['cloud'] as string,
    region: options['region-name'] as string | undefined,
    rateMs: Number(options['rate'] ?? 1) * 1000,
    hostnameFormat: options['hostname-format'] as string | undefined,
    cleanFloatingIps: options['clean-floating-ips'] === true,
    portCleanupMs: ((options['port-cleanup-interval'] as number | undefined) ?? 600) * 1000,
    diskimages: new Map(diskimages.map((image) => [image.name, image])),
    cloudImages: new Map(cloudImages.map((image) => [image.name, image])),
  };
}

function readConnection(image: Options): ImageConnection {
  const connectionType = (image['connection-type'] as string | undefined) ?? 'ssh';
  return {
    configDrive: image['config-drive'] === true,
    connectionType,
    connectionPort:
      (image['connection-port'] as number | undefined) ?? (connectionType === 'winrm' ? 5986 : 22),
  };
}

export function readPoolOptions({ options }: Pick<PoolConfig, 'options'>): PoolOptions {
  return {
    zones: (options['availability-zones'] as string[] | undefined) ?? [],
    securityGroups: (options['security-groups'] as string[] | undefined) ?? [],
    autoFloatingIp: options['auto-floating-ip'] !== false,
  };
}

export function readLabelOptions(
  pool: Pick<PoolConfig, 'options' | 'hostKeyChecking'>,
  { name, options }: PoolLabel,
): LabelOptions {
  return {
    name,
    diskimage: options['diskimage'] as string | undefined,
    cloudImage: options['cloud-image'] as string | undefined,
    minRam: (options['min-ram'] as number | undefined) ?? 0,
    flavorName: options['flavor-name'] as string | undefined,
    keyName: options['key-name'] as string | undefined,
    consoleLog: options['console-log'] === true,
    bootFromVolume: options['boot-from-volume'] === true,
    volumeSize: (options['volume-size'] as number | undefined) ?? 50,
    volumeType: options['volume-type'] as string | undefined,
    properties: (options['instance-properties'] as Options | undefined) ?? {},
    dynamicProperties: (options['dynamic-instance-properties'] as Options | undefined) ?? {},
    userdata: options['userdata'] as string | undefined,
    networks: (options['networks'] ?? pool.options['networks'] ?? []) as string[],
    hostKeyChecking: (options['host-key-checking'] as boolean | undefined) ?? pool.hostKeyChecking,
  };
}

/** What the schema cannot say: images that are there, one of two keys, templates that can be filled in. */
export function checkOptions(config: ProviderConfig, report: ReportProblem): void {
  const images = readProviderOptions(config);
  checkImages(config.options, report);
  checkFormats(config.options, report);
  [...config.pools.values()].forEach((pool, p) =>
    [...pool.labels.values()].forEach((label, l) =>
      checkLabel(label, images, `pools[${p}].labels[${l}]`, report),
    ),
  );
}

function checkImages(options: Options, report: ReportProblem): void {
  for (const key of ['diskimages', 'cloud-images']) {
    const seen = new Set<unknown>();
    entriesOf(options[key]).forEach((image, index) => {
      const at = `${key}[${index}]`;
      if (seen.has(image['name']))
        report(`${at}.name`, 'a name that does not occur twice', quote(image['name']));
      seen.add(image['name']);
      if (image['image-id'] !== undefined && image['image-name'] !== undefined)
        report(at, 'either "image-id" or "image-name"', 'both');
    });
  }
}

function checkFormats(options: Options, report: ReportProblem): void {
  const imageNameFormat = (options['image-name-format'] as string | undefined) ?? '';
  const hostnameFormat = options['hostname-format'] as string | undefined;
  const known = ['image_name', 'timestamp', 'upload_id', 'build_id'];
  const problem = templateProblem(imageNameFormat, (name) => known.includes(name));
  if (problem !== undefined) report('image-name-format', `placeholders of {${known.join('}, {')}}`, problem);
  if (hostnameFormat === undefined) return;
  const objects = /^(label|provider|node)\.(name|id|region_name)$/;
  const wrong = templateProblem(hostnameFormat, (name) => objects.test(name));
  if (wrong !== undefined)
    report('hostname-format', 'placeholders of {label.name}, {provider.name}, {node.id}', wrong);
}

function checkLabel(
  { options }: PoolLabel,
  { cloudImages }: ProviderOptions,
  at: string,
  report: ReportProblem,
): void {
  const [disk, cloud] = [options['diskimage'], options['cloud-image']] as (string | undefined)[];
  if (disk !== undefined && cloud !== undefined) report(at, 'either "diskimage" or "cloud-image"', 'both');
  if (disk === undefined && cloud === undefined)
    report(at, 'one of "diskimage" and "cloud-image"', 'neither');
  if (cloud !== undefined && !cloudImages.has(cloud))
    report(`${at}.cloud-image`, `a cloud-image of this provider (${namesOf(cloudImages)})`, quote(cloud));
  if (!((options['min-ram'] as number | undefined) ?? 0) && options['flavor-name'] === undefined)
    report(at, 'at least one of "min-ram" and "flavor-name"', 'neither');
}

function entriesOf(value: unknown): Options[] {
  return (value as Options[] | undefined) ?? [];
}

function namesOf(images: ReadonlyMap<string, unknown>): string {
  return [...images.keys()].join(', ') || 'none';
}

function quote(value: unknown): string {
  return JSON.stringify(value);
}
