/** What the test's OpenStack holds. Times pass by being asked: a server is active after so many lists. */
export type Thing = Record<string, unknown> & { id: string };

export interface World {
  url: string;
  password: string;
  /** Seconds. */
  tokenLife: number;
  tokens: Set<string>;
  microversion: string;
  flavors: Thing[];
  images: Thing[];
  imageData: Map<string, Buffer>;
  networks: Thing[];
  subnets: Thing[];
  ports: Thing[];
  securityGroups: Thing[];
  floatingIps: Thing[];
  servers: Server[];
  /** Those that were there once: shown to whoever asks for changes. */
  deletedServers: Server[];
  volumes: Thing[];
  zones: string[];
  quota: { instances: number; cores: number; ram: number; volumes: number; gigabytes: number };
  hasVolumes: boolean;
  /** Lists that show a new server as BUILD, and a deleted one still there. */
  buildLists: number;
  deleteLists: number;
  /** Makes servers of this flavor end in ERROR, with the fault. */
  errors: Map<string, string>;
  pageSize: number;
  /** Of the servers so far. */
  made: number;
}

export interface Server extends Thing {
  /** Undefined for one that has just been made: Nova does not count that as a change. */
  changedMs: number | undefined;
  listsUntilActive: number;
  /** Undefined: nobody has asked to delete it. */
  listsUntilGone: number | undefined;
}

function rule(port: number, from: string): object {
  const ports = { port_range_min: port, port_range_max: port };
  return { direction: 'ingress', ethertype: 'IPv4', protocol: 'tcp', remote_ip_prefix: from, ...ports };
}

export function makeWorld(url: string): World {
  return {
    url,
    password: 'right',
    tokenLife: 3600,
    tokens: new Set(),
    microversion: '2.93',
    flavors: [
      { id: '1', name: 'm1.tiny', ram: 512, vcpus: 1, disk: 1 },
      { id: '2', name: 'm1.small', ram: 2048, vcpus: 2, disk: 20 },
      { id: '3', name: 'm1.broken', ram: 4096, vcpus: 2, disk: 20 },
    ],
    images: [
      {
        id: 'aaaaaaaa-0000-0000-0000-000000000001',
        name: 'debian',
        status: 'active',
        created_at: '2024-01-01T00:00:00Z',
      },
      {
        id: 'aaaaaaaa-0000-0000-0000-000000000002',
        name: 'debian',
        status: 'active',
        created_at: '2024-02-01T00:00:00Z',
      },
      {
        id: 'aaaaaaaa-0000-0000-0000-000000000003',
        name: 'broken',
        status: 'queued',
        created_at: '2024-02-01T00:00:00Z',
      },
    ],
    imageData: new Map(),
    networks: [
      { id: 'net-private', name: 'private', 'router:external': false },
      { id: 'net-public', name: 'public', 'router:external': true },
    ],
    subnets: [
      { id: 'sub-private', network_id: 'net-private', gateway_ip: '10.20.0.1' },
      { id: 'sub-public', network_id: 'net-public', gateway_ip: '127.1.255.254' },
    ],
    ports: [],
    securityGroups: [
      {
        id: 'group',
        name: 'default',
        security_group_rules: [rule(22, '0.0.0.0/0'), rule(19885, '198.51.100.0/24')],
      },
    ],
    floatingIps: [],
    servers: [],
    deletedServers: [],
    volumes: [],
    zones: ['nova'],
    quota: { instances: 10, cores: 20, ram: 51200, volumes: 10, gigabytes: 1000 },
    hasVolumes: true,
    buildLists: 1,
    deleteLists: 1,
    errors: new Map([['3', 'No valid host was found. ']]),
    pageSize: 1000,
    made: 0,
  };
}
