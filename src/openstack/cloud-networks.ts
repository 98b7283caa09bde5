/** `networks` of a cloud of clouds.yaml, and its older spellings. */
import { CloudError } from './errors.ts';
import { asSection, readFlag, readText, type Place, type Section } from './section.ts';

/** What is said about a network in clouds.yaml. */
export interface NetworkHint {
  name: string;
  routesExternally: boolean | undefined;
  natSource: boolean;
  natDestination: boolean;
  defaultInterface: boolean;
}

export function readNetworks(entry: Section, at: Place): NetworkHint[] {
  const given = entry['networks'] ?? [];
  if (!Array.isArray(given)) throw new CloudError(`${at('networks')}: expected a list, found something else`);
  const hints = given.map((value: unknown, index): NetworkHint => {
    const network = asSection(value) ?? {};
    const name = readText(network['name']);
    if (name === undefined)
      throw new CloudError(`${at(`networks[${index}].name`)}: expected a name, found nothing`);
    return {
      name,
      routesExternally:
        network['routes_externally'] === undefined
          ? undefined
          : readFlag(network['routes_externally'], false),
      natSource: readFlag(network['nat_source'], false),
      natDestination: readFlag(network['nat_destination'], false),
      defaultInterface: readFlag(network['default_interface'], false),
    };
  });
  const external = readText(entry['external_network']);
  const internal = readText(entry['internal_network']);
  const none = { natSource: false, natDestination: false, defaultInterface: false };
  if (external) hints.push({ ...none, name: external, routesExternally: true, defaultInterface: true });
  if (internal) hints.push({ ...none, name: internal, routesExternally: false });
  return hints;
}
