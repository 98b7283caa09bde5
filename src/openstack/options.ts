/** The values of an openstack provider section, in the form in which the driver uses them. */
import type { Options, PoolConfig, PoolLabel, ProviderConfig } from '../config/config.ts';

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

export function entriesOf(value: unknown): Options[] {
  return (value as Options[] | undefined) ?? [];
}
