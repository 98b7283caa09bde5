/** How each service of the test's OpenStack answers, in the shapes that the real ones of the Zed release have. */
import { createHash } from 'node:crypto';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from './floating-ip-answers.ts';
import { fail, ok, one, remove, type Reply } from './replies.ts';
import type { Asked } from './server.ts';
import type { Server, Thing, World } from './world.ts';

type Handler = (world: World, call: Asked, ...parts: string[]) => Reply;

const PROJECT = 'c0ffee00c0ffee00c0ffee00c0ffee00';

const ROUTES: readonly [method: string, path: RegExp, handler: Handler][] = [
  ['POST', /^\/identity\/v3\/auth\/tokens$/, issueToken],
  [
    'GET',
    /^\/compute\/v2\.1\/$/,
    ({ microversion }) => ok({ version: { version: microversion, min_version: '2.1' } }),
  ],
  ['GET', /^\/compute\/v2\.1\/flavors\/detail$/, ({ flavors }) => ok({ flavors })],
  ['GET', /^\/compute\/v2\.1\/os-availability-zone$/, listZones],
  ['GET', /^\/compute\/v2\.1\/limits$/, computeLimits],
  ['GET', /^\/compute\/v2\.1\/servers\/detail$/, listServers],
  ['POST', /^\/compute\/v2\.1\/servers$/, createServer],
  ['GET', /^\/compute\/v2\.1\/servers\/([^/]+)$/, ({ servers }, _, id) => one('server', servers, id)],
  ['DELETE', /^\/compute\/v2\.1\/servers\/([^/]+)$/, deleteServer],
  ['POST', /^\/compute\/v2\.1\/servers\/([^/]+)\/action$/, () => ok({ output: 'Booting\r\nlogin: ' })],
  ['GET', /^\/network\/v2\.0\/networks$/, ({ networks }) => ok({ networks })],
  ['GET', /^\/network\/v2\.0\/subnets$/, ({ subnets }) => ok({ subnets })],
  [
    'GET',
    /^\/network\/v2\.0\/security-groups$/,
    ({ securityGroups }) => ok({ security_groups: securityGroups }),
  ],
  ['GET', /^\/network\/v2\.0\/ports$/, ({ ports }, { query }) => ok({ ports: filter(ports, query) })],
  ['DELETE', /^\/network\/v2\.0\/ports\/(.+)$/, ({ ports }, _, id) => remove(ports, id)],
  ['GET', /^\/network\/v2\.0\/floatingips$/, ({ floatingIps }) => ok({ floatingips: floatingIps })],
  ['POST', /^\/network\/v2\.0\/floatingips$/, createFloatingIp],
  [
    'GET',
    /^\/network\/v2\.0\/floatingips\/(.+)$/,
    ({ floatingIps }, _, id) => one('floatingip', floatingIps, id),
  ],
  ['PUT', /^\/network\/v2\.0\/floatingips\/(.+)$/, updateFloatingIp],
  ['DELETE', /^\/network\/v2\.0\/floatingips\/(.+)$/, deleteFloatingIp],
  [
    'GET',
    /^\/image\/v2\/images$/,
    ({ images }, { query }) => ok({ images: newestFirst(filter(images, query)) }),
  ],
  ['GET', /^\/image\/v2\/images\/([^/]+)$/, ({ images }, _, id) => bare(images, id)],
  ['POST', /^\/image\/v2\/images$/, createImage],
  ['PUT', /^\/image\/v2\/images\/([^/]+)\/file$/, uploadImage],
  ['DELETE', /^\/image\/v2\/images\/([^/]+)$/, ({ images }, _, id) => remove(images, id)],
  ['GET', /^\/volume\/v3\/[^/]+\/limits$/, volumeLimits],
  ['GET', /^\/volume\/v3\/[^/]+\/volumes\/detail$/, ({ volumes }) => ok({ volumes })],
  ['POST', /^\/volume\/v3\/[^/]+\/volumes\/([^/]+)\/metadata$/, markVolume],
  ['DELETE', /^\/volume\/v3\/[^/]+\/volumes\/(.+)$/, ({ volumes }, _, id) => remove(volumes, id)],
];

export function answer(world: World, call: Asked): Reply {
  const free = call.path.startsWith('/identity/');
  const token = call.headers['x-auth-token'];
  if (!free && !(typeof token === 'string' && world.tokens.has(token)))
    return fail(401, 'The request you have made requires authentication.');
  for (const [method, path, handler] of ROUTES) {
    const found = method === call.method ? path.exec(call.path) : null;
    if (found) return handler(world, call, ...found.slice(1));
  }
  return fail(404, `no such place: ${call.method} ${call.path}`);
}

function issueToken(world: World, { body }: Asked): Reply {
  const { identity, scope } = (body as { auth: { identity: Record<string, unknown>; scope?: unknown } }).auth;
  const password = (identity['password'] as { user: { password: string } } | undefined)?.user.password;
  const secret = (identity['application_credential'] as { secret: string } | undefined)?.secret;
  if ((password ?? secret) !== world.password || (secret === undefined) !== (scope !== undefined))
    return fail(401, 'The request you have made requires authentication.');
  const id = `token-${world.tokens.size + 1}`;
  world.tokens.add(id);
  const nowMs = Date.now();
  const catalog = ['compute', 'image', 'network', ...(world.hasVolumes ? ['volume'] : [])].map((service) => ({
    type: service === 'volume' ? 'block-storage' : service,
    name: service,
    endpoints: ['public', 'internal'].map((kind) => ({
      interface: kind,
      region: 'RegionOne',
      region_id: 'RegionOne',
      url:
        world.url +
        { compute: '/compute/v2.1', image: '/image', network: '/network', volume: `/volume/v3/${PROJECT}` }[
          service
        ],
    })),
  }));
  const token = {
    issued_at: new Date(nowMs).toISOString(),
    expires_at: new Date(nowMs + world.tokenLife * 1000).toISOString(),
    project: { id: PROJECT, name: 'ci' },
    catalog,
  };
  return { status: 201, headers: { 'x-subject-token': id }, body: { token } };
}

function listZones({ zones }: World): Reply {
  return ok({
    availabilityZoneInfo: [
      ...zones.map((zoneName) => ({ zoneName, zoneState: { available: true } })),
      { zoneName: 'closed', zoneState: { available: false } },
    ],
  });
}

function computeLimits({ quota, servers }: World): Reply {
  const { instances, cores, ram } = quota;
  return ok({
    limits: {
      absolute: {
        maxTotalInstances: instances,
        maxTotalCores: cores,
        maxTotalRAMSize: ram,
        totalInstancesUsed: servers.length,
      },
    },
  });
}

function volumeLimits({ quota }: World): Reply {
  return ok({
    limits: { absolute: { maxTotalVolumes: quota.volumes, maxTotalVolumeGigabytes: quota.gigabytes } },
  });
}

function markVolume({ volumes }: World, { body }: Asked, id = ''): Reply {
  const volume = volumes.find((candidate) => candidate.id === id);
  const metadata = { ...(volume?.['metadata'] as object), ...(body as { metadata: object }).metadata };
  if (volume) volume['metadata'] = metadata;
  return volume ? ok({ metadata }) : fail(404, `Volume ${id} could not be found.`);
}

/** One list is one step in the life of all servers. */
function listServers(world: World, { query }: Asked): Reply {
  for (const server of [...world.servers]) step(world, server);
  const since = query.get('changes-since');
  if (since !== null) return ok({ servers: changedServers(world, Date.parse(since)) });
  const start = world.servers.findIndex(({ id }) => id === query.get('marker')) + 1;
  const page = world.servers.slice(start, start + world.pageSize);
  const more = start + page.length < world.servers.length;
  const next = `${world.url}/compute/v2.1/servers/detail?marker=${page.at(-1)?.id}`;
  return ok({ servers: page, ...(more && { servers_links: [{ rel: 'next', href: next }] }) });
}

function changedServers({ servers, deletedServers }: World, sinceMs: number): Server[] {
  return [...servers, ...deletedServers].filter(({ changedMs = 0 }) => changedMs >= sinceMs);
}

function step(world: World, server: Server): void {
  if (server.listsUntilGone !== undefined) {
    if ((server.listsUntilGone -= 1) < 0) erase(world, server);
  } else if (server['status'] === 'BUILD' && (server.listsUntilActive -= 1) < 0) {
    server.changedMs = Date.now();
    const fault = world.errors.get(String((server['flavor'] as { ref: string }).ref));
    server['status'] = fault === undefined ? 'ACTIVE' : 'ERROR';
    if (fault !== undefined) server['fault'] = { code: 500, message: fault };
  }
}

function erase(world: World, server: Server): void {
  world.servers.splice(world.servers.indexOf(server), 1);
  world.deletedServers.push(Object.assign(server, { status: 'DELETED', changedMs: Date.now() }));
  for (const port of world.ports.filter((candidate) => candidate['device_id'] === server.id))
    remove(world.ports, port.id);
  const attached = server['os-extended-volumes:volumes_attached'] as { id: string }[];
  for (const { id } of attached) remove(world.volumes, id);
  for (const ip of world.floatingIps)
    if (ip['server'] === server.id) Object.assign(ip, { port_id: null, status: 'DOWN' });
}

interface WantedServer {
  name: string;
  flavorRef: string;
  imageRef: string;
  metadata: Record<string, string>;
  networks?: { uuid: string }[] | 'auto';
  availability_zone?: string;
  block_device_mapping_v2?: { volume_size: string }[];
}

function createServer(world: World, { body }: Asked): Reply {
  const wanted = (body as { server: WantedServer }).server;
  if (world.servers.length >= world.quota.instances) {
    const used = `already used ${world.servers.length} of ${world.quota.instances} instances`;
    return fail(403, `Quota exceeded for instances: Requested 1, but ${used}`, 'forbidden');
  }
  const flavor = world.flavors.find(({ id }) => id === wanted.flavorRef);
  if (!flavor) return fail(400, `Flavor ${wanted.flavorRef} could not be found.`, 'badRequest');
  const number = (world.made += 1);
  const id = `5e50000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  const networks = Array.isArray(wanted.networks) ? wanted.networks.map(({ uuid }) => uuid) : ['net-private'];
  const addresses: Record<string, object[]> = {};
  for (const networkId of networks) {
    const network = world.networks.find((candidate) => candidate.id === networkId);
    const ip = network?.['router:external'] ? `127.1.0.${number}` : `10.20.0.${number}`;
    addresses[String(network?.['name'])] = [{ addr: ip, version: 4, 'OS-EXT-IPS:type': 'fixed' }];
    world.ports.push({
      id: `port-${number}-${networkId}`,
      network_id: networkId,
      device_id: id,
      device_owner: 'compute:nova',
      status: 'ACTIVE',
      created_at: new Date().toISOString(),
      fixed_ips: [{ ip_address: ip, subnet_id: 'sub' }],
    });
  }
  const volumes = (wanted.block_device_mapping_v2 ?? []).map(({ volume_size: size }, index) => {
    const volume = {
      id: `volume-${number}-${index}`,
      status: 'in-use',
      size: Number(size),
      metadata: {},
      attachments: [{ server_id: id }],
    };
    world.volumes.push(volume);
    return { id: volume.id };
  });
  world.servers.push({
    id,
    name: wanted.name,
    status: 'BUILD',
    metadata: wanted.metadata,
    flavor: { original_name: flavor['name'], ram: flavor['ram'], vcpus: flavor['vcpus'], ref: flavor.id },
    addresses,
    accessIPv4: '',
    accessIPv6: '',
    hostId: 'f00d',
    'OS-EXT-AZ:availability_zone': wanted.availability_zone ?? 'nova',
    'os-extended-volumes:volumes_attached': volumes,
    changedMs: undefined,
    listsUntilActive: world.buildLists,
    listsUntilGone: undefined,
  });
  return { status: 202, body: { server: { id, links: [] } } };
}

function deleteServer(world: World, _: Asked, id = ''): Reply {
  const server = world.servers.find((candidate) => candidate.id === id);
  if (!server) return fail(404, `Instance ${id} could not be found.`, 'itemNotFound');
  server.listsUntilGone ??= world.deleteLists;
  return { status: 204 };
}

function createImage({ images }: World, { body }: Asked): Reply {
  const image = {
    ...(body as object),
    id: `aaaaaaaa-1111-0000-0000-${String(images.length).padStart(12, '0')}`,
    status: 'queued',
  };
  images.push(image);
  return { status: 201, body: image };
}

function uploadImage({ images, imageData }: World, { body }: Asked, id = ''): Reply {
  const image = images.find((candidate) => candidate.id === id);
  if (!image) return fail(404, 'no such image');
  const data = Buffer.isBuffer(body) ? body : Buffer.from('');
  imageData.set(id, data);
  image['checksum'] = createHash('md5').update(data).digest('hex');
  image['size'] = data.length;
  image['status'] = 'active';
  return { status: 204 };
}

function bare(things: readonly Thing[], id = ''): Reply {
  const thing = things.find((candidate) => candidate.id === id);
  return thing ? ok(thing) : fail(404, `${id} could not be found.`);
}

const NO_FILTERS = new Set(['sort', 'limit', 'marker']);

function filter(things: readonly Thing[], query: URLSearchParams): Thing[] {
  return things.filter((thing) =>
    [...query].every(([key, value]) => NO_FILTERS.has(key) || thing[key] === value),
  );
}

function newestFirst(images: Thing[]): Thing[] {
  return images.sort((a, b) => String(b['created_at']).localeCompare(String(a['created_at'])));
}
