/** What a cloud offers, as far as the labels of a provider need it. */
import type { PoolConfig, PoolLabel, ProviderConfig } from '../config/config.ts';
import type { Unready } from '../driver/driver.ts';
import { classifyNetworks, type Network, type NetworkMap } from './addresses.ts';
import { chooseFlavor, missingFlavor, type Flavor } from './flavors.ts';
import { readLabelOptions, type LabelOptions, type ProviderOptions } from './options.ts';
import { textOf } from './section.ts';
import { findImages, listFlavors, listImages, listNetworks, listZones } from './services.ts';
import type { Session } from './session.ts';

export interface Inventory {
  flavors: readonly Flavor[];
  /** Available ones. */
  zones: readonly string[];
  networks: NetworkMap;
  /** By the `name` of each cloud-image of the provider; missing: the cloud has none. */
  imageIds: ReadonlyMap<string, string>;
  /** Names of the images that there are, for messages; only read where a cloud-image is missing. */
  imageNames: readonly string[];
  /** Nova chooses a network itself when asked to (2.37). */
  automaticNetwork: boolean;
  /** There is a volume service. */
  hasVolumes: boolean;
}

export async function loadInventory(
  session: Session,
  config: ProviderConfig,
  options: ProviderOptions,
  signal: AbortSignal,
): Promise<Inventory> {
  const [flavors, zones, networks, images, automaticNetwork, hasVolumes] = await Promise.all([
    listFlavors(session, signal),
    listZones(session, signal),
    listNetworks(session, signal),
    findCloudImages(session, config, options, signal),
    session.supports('2.37', signal),
    session.has('volume', signal),
  ]);
  return {
    flavors,
    zones,
    networks: classifyNetworks(networks, session.cloud.networks),
    ...images,
    automaticNetwork,
    hasVolumes,
  };
}

/** Only of those that a label uses; `image-id` is taken as it is. */
async function findCloudImages(
  session: Session,
  config: ProviderConfig,
  { cloudImages }: ProviderOptions,
  signal: AbortSignal,
): Promise<Pick<Inventory, 'imageIds' | 'imageNames'>> {
  const used = new Set(
    [...config.pools.values()].flatMap((pool) =>
      [...pool.labels.values()].flatMap((label) => readLabelOptions(pool, label).cloudImage ?? []),
    ),
  );
  const imageIds = new Map<string, string>();
  for (const image of cloudImages.values()) {
    if (!used.has(image.name)) continue;
    const id = image.id ?? (await findImages(session, image.lookUp, signal))[0]?.['id'];
    if (typeof id === 'string') imageIds.set(image.name, id);
  }
  if (imageIds.size === used.size) return { imageIds, imageNames: [] };
  const names = (await listImages(session, signal)).map(({ name }) => textOf(name));
  return { imageIds, imageNames: [...new Set(names.filter((name) => name !== ''))].sort() };
}

/** Finds networks by name or id; `unknown` are those that are not there. */
export function findNetworks(
  { networks }: Inventory,
  names: readonly string[],
): { found: Network[]; unknown: string[] } {
  const all = names.map((name) =>
    networks.all.find((network) => network.id === name || network.name === name),
  );
  return {
    found: all.flatMap((network) => network ?? []),
    unknown: names.filter((_, index) => all[index] === undefined),
  };
}

/** Why the cloud cannot make a node of the label as things are; names the key, what it says and what there is. */
export function whyUnready(
  inventory: Inventory,
  pool: PoolConfig,
  poolLabel: PoolLabel,
  options: ProviderOptions,
): Unready | undefined {
  const label = readLabelOptions(pool, poolLabel);
  const reason =
    imageProblem(inventory, label, options) ??
    (chooseFlavor(inventory.flavors, label) ? undefined : missingFlavor(inventory.flavors, label)) ??
    networkProblem(inventory, label) ??
    zoneProblem(inventory, pool) ??
    (label.bootFromVolume && !inventory.hasVolumes
      ? 'boot-from-volume: expected a volume service in the catalogue of the cloud, found none'
      : undefined);
  return reason === undefined ? undefined : { reason, temporary: false };
}

function imageProblem(
  { imageIds, imageNames }: Inventory,
  { cloudImage, diskimage }: LabelOptions,
  { cloudImages, diskimages }: ProviderOptions,
): string | undefined {
  if (diskimage !== undefined && !diskimages.has(diskimage)) {
    const known = [...diskimages.keys()].join(', ') || 'none';
    return `diskimage: expected a diskimage of this provider (${known}), found ${JSON.stringify(diskimage)}`;
  }
  if (cloudImage === undefined || imageIds.has(cloudImage)) return undefined;
  const wanted = cloudImages.get(cloudImage)?.lookUp ?? cloudImage;
  const shown = wanted === cloudImage ? '' : ` (cloud-image ${JSON.stringify(cloudImage)})`;
  return `cloud-images: expected an active image of the cloud (${listed(imageNames)}), by name or id, found ${JSON.stringify(wanted)}${shown}`;
}

/** Clouds have hundreds of images. */
const MOST_LISTED = 20;

function listed(names: readonly string[]): string {
  const more = names.length - MOST_LISTED;
  const shown = names.slice(0, MOST_LISTED).join(', ') || 'none';
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function networkProblem(inventory: Inventory, { networks }: LabelOptions): string | undefined {
  const { unknown } = findNetworks(inventory, networks);
  return unknown.length === 0 ? undefined : `networks: ${missingNetworks(inventory, unknown)}`;
}

export function missingNetworks(inventory: Inventory, unknown: readonly string[]): string {
  const known = inventory.networks.all.map(({ name }) => name).join(', ') || 'none';
  return `expected networks of the cloud (${known}), found ${unknown.map((name) => JSON.stringify(name)).join(', ')}`;
}

function zoneProblem({ zones }: Inventory, { options }: PoolConfig): string | undefined {
  const wanted = (options['availability-zones'] as string[] | undefined) ?? [];
  if (zones.length === 0 || wanted.length === 0 || wanted.some((zone) => zones.includes(zone)))
    return undefined;
  return `availability-zones: expected available zones of the cloud (${zones.join(', ')}), found ${wanted.join(', ')}`;
}
