/** Which server a launch asks for. */
import type { LaunchSpec } from '../driver/driver.ts';
import { LaunchError } from '../errors.ts';
import { chooseFlavor, missingFlavor } from './flavors.ts';
import { findNetworks, missingNetworks } from './inventory.ts';
import type { Launch } from './launch-record.ts';
import { serverMetadata } from './mark.ts';
import { readPoolOptions } from './options.ts';
import type { Section } from './section.ts';
import { serverRequest } from './server-request.ts';
import { fillTemplate } from './template.ts';

export function planServer({ spec, context, label, image, inventory, shop }: Launch): Section {
  const flavor = chooseFlavor(inventory.flavors, label);
  if (flavor === undefined)
    throw new LaunchError('prepare', missingFlavor(inventory.flavors, label), { retriable: false });
  const { found, unknown } = findNetworks(inventory, label.networks);
  if (unknown.length > 0)
    throw new LaunchError('prepare', `networks: ${missingNetworks(inventory, unknown)}`, {
      retriable: false,
    });
  const { defaultInterface } = inventory.networks;
  const { provider, options } = shop;
  const metadata = serverMetadata(provider, image.name, spec, label, (key, problem) =>
    context.log.warning('a dynamic-instance-property is left out', { key, error: problem }),
  );
  return serverRequest({
    name: serverName(options.hostnameFormat, provider, spec),
    flavor,
    imageId: image.id,
    configDrive: image.configDrive,
    label,
    securityGroups: readPoolOptions(spec.pool).securityGroups,
    zone: spec.zone,
    metadata,
    networks: found.length > 0 ? found : defaultInterface ? [defaultInterface] : [],
    automaticNetwork: inventory.automaticNetwork,
  });
}

/** `np0000000012`, as Nodepool names them, unless `hostname-format` says otherwise. */
function serverName(format: string | undefined, provider: string, { nodeId, label }: LaunchSpec): string {
  if (format === undefined) return `np${nodeId}`;
  return fillTemplate(format, {
    label: { name: label.name },
    provider: { name: provider },
    node: { id: nodeId },
  });
}
