/** What Neutron answers about floating IPs. */
import { fail, ok, remove, type Reply } from './replies.ts';
import type { Asked } from './server.ts';
import type { Thing, World } from './world.ts';

export function createFloatingIp(world: World, { body }: Asked): Reply {
  const wanted = (body as { floatingip: Record<string, unknown> }).floatingip;
  const port = world.ports.find(({ id }) => id === wanted['port_id']);
  const number = world.floatingIps.length + 1 + world.made * 10;
  const ip = {
    ...wanted,
    id: `fip-${number}`,
    floating_ip_address: `127.1.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`,
    status: 'ACTIVE',
    server: port?.['device_id'],
    revision_number: 0,
  };
  world.floatingIps.push(ip);
  show(world, ip);
  return { status: 201, body: { floatingip: ip } };
}

/** Nova shows a server the addresses that Neutron has given it. */
function show(world: World, ip: Thing): void {
  const server = world.servers.find(({ id }) => id === ip['server']);
  const addresses = Object.values(server?.['addresses'] as Record<string, object[]>)[0];
  addresses?.push({ addr: ip['floating_ip_address'], version: 4, 'OS-EXT-IPS:type': 'floating' });
}

export function updateFloatingIp(world: World, call: Asked, id = ''): Reply {
  const ip = world.floatingIps.find((candidate) => candidate.id === id);
  if (!ip) return fail(404, `Floating IP ${id} could not be found`);
  const refused = checkRevision(ip, call);
  if (refused) return refused;
  const { floatingip } = call.body as { floatingip: Record<string, unknown> };
  const port = world.ports.find((candidate) => candidate.id === floatingip['port_id']);
  const revision = Number(ip['revision_number'] ?? 0) + 1;
  Object.assign(ip, floatingip, { server: port?.['device_id'], revision_number: revision });
  show(world, ip);
  return ok({ floatingip: ip });
}

export function deleteFloatingIp({ floatingIps }: World, call: Asked, id = ''): Reply {
  const ip = floatingIps.find((candidate) => candidate.id === id);
  return (ip && checkRevision(ip, call)) ?? remove(floatingIps, id);
}

/** Neutron's extension `revision-if-match`. */
function checkRevision(thing: Thing, { headers }: Asked): Reply | undefined {
  const wanted = headers['if-match'];
  const has = Number(thing['revision_number'] ?? 0);
  if (wanted === undefined || wanted === `revision_number=${has}`) return undefined;
  return fail(412, `Constrained to ${wanted}, but current revision is ${has}`, 'NeutronError');
}
