import type { Resources } from '../model/resources.ts';
import type { LabelOptions } from './options.ts';
import { asSection, textOf, type Section } from './section.ts';

export interface Flavor {
  id: string;
  name: string;
  ramMib: number;
  cores: number;
}

export function readFlavor(flavor: Section): Flavor {
  return {
    id: textOf(flavor['id']),
    name: textOf(flavor['name']),
    ramMib: Number(flavor['ram']),
    cores: Number(flavor['vcpus']),
  };
}

/**
 * With `min-ram` the smallest flavor that has so much, and `flavor-name` anywhere in its name; otherwise the one whose name
 * or id is `flavor-name`.
 */
export function chooseFlavor(
  flavors: readonly Flavor[],
  { minRam, flavorName }: Pick<LabelOptions, 'minRam' | 'flavorName'>,
): Flavor | undefined {
  if (minRam <= 0) return flavors.find(({ id, name }) => name === flavorName || id === flavorName);
  return [...flavors]
    .sort((a, b) => a.ramMib - b.ramMib || (a.name < b.name ? -1 : 1))
    .find(({ name, ramMib }) => ramMib >= minRam && name.includes(flavorName ?? ''));
}

/** Why there is none: `flavor-name: expected a flavor of the cloud (m1.tiny, m1.small), found "m1.huge"`. */
export function missingFlavor(
  flavors: readonly Flavor[],
  { minRam, flavorName }: Pick<LabelOptions, 'minRam' | 'flavorName'>,
): string {
  const known = [...flavors]
    .sort((a, b) => a.ramMib - b.ramMib)
    .map(({ name, ramMib }) => `${name} (${ramMib})`);
  const shown = known.length > 12 ? [...known.slice(0, 12), `${known.length - 12} more`] : known;
  const wanted =
    minRam > 0
      ? `min-ram: expected at most the RAM of a flavor${flavorName ? ` with ${JSON.stringify(flavorName)} in its name` : ''}, found ${minRam}`
      : `flavor-name: expected a flavor of the cloud, found ${JSON.stringify(flavorName)}`;
  return `${wanted}; there are, with their MiB: ${shown.join(', ') || 'none'}`;
}

/** What an instance takes. */
export function resourcesOf(flavor: Flavor, volumeGb?: number): Resources {
  const server = { instances: 1, cores: flavor.cores, ram: flavor.ramMib };
  return volumeGb === undefined ? server : { ...server, volumes: 1, 'volume-gb': volumeGb };
}

/** What a listed server takes: Nova tells with it (from 2.47 on), or its flavor is known; else one instance. */
export function resourcesOfServer(server: Section, flavors: readonly Flavor[]): Resources {
  const flavor = asSection(server['flavor']) ?? {};
  if (typeof flavor['vcpus'] === 'number')
    return { instances: 1, cores: flavor['vcpus'], ram: Number(flavor['ram']) };
  const known = flavors.find(({ id }) => id === flavor['id']);
  return known ? resourcesOf(known) : { instances: 1 };
}
