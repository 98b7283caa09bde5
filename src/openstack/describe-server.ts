/** A server that is reachable, as the launcher records it. */
import type { Instance } from '../driver/driver.ts';
import type { NodeAddresses } from './addresses.ts';
import type { Launch } from './launch-record.ts';
import { textOf, type Section } from './section.ts';

export function describeServer(
  { image, label, session, shop, spec }: Launch,
  server: Section,
  addresses: NodeAddresses,
  hostKeys: readonly string[],
): Instance {
  const { interfaceIp, publicIpv4, privateIpv4, publicIpv6 } = addresses;
  const zone = textOf(server['OS-EXT-AZ:availability_zone']) || spec.zone;
  const hostId = textOf(server['hostId']);
  return {
    externalId: textOf(server['id']),
    hostname: textOf(server['name']),
    ...(interfaceIp && { interfaceIp }),
    ...(publicIpv4 && { publicIpv4 }),
    ...(privateIpv4 && { privateIpv4 }),
    ...(publicIpv6 && { publicIpv6 }),
    connectionType: image.connectionType,
    connectionPort: image.connectionPort,
    ...(image.username && { username: image.username }),
    hostKeys: label.hostKeyChecking ? hostKeys : [],
    pythonPath: image.pythonPath,
    ...(image.shellType && { shellType: image.shellType }),
    imageId: image.record,
    cloud: session.cloud.name,
    ...(shop.options.region && { region: shop.options.region }),
    ...(zone && { az: zone }),
    ...(hostId && { hostId }),
  };
}
