/** Roles that an architecture file may give to hosts. */

/** In the order in which a run sets them up. */
export const MANAGED_ROLES = [
  'zookeeper',
  'hypervisor-runc',
  'nodepool-launcher',
  'nodepool-builder',
  'gateway',
] as const;
export type ManagedRole = (typeof MANAGED_ROLES)[number];

/** Roles of the rest of a Software Factory: accepted, counted as control plane, and left alone. */
export const OTHER_ROLES: readonly string[] = [
  'cauth',
  'cgit',
  'dlrn',
  'elasticsearch',
  'etherpad',
  'firehose',
  'gerrit',
  'gerritbot',
  'gitweb',
  'grafana',
  'hound',
  'hydrant',
  'hypervisor-k1s',
  'hypervisor-openshift',
  'influxdb',
  'job-logs-gearman-client',
  'job-logs-gearman-worker',
  'keycloak',
  'kibana',
  'koji_host',
  'lodgeit',
  'log-classify',
  'logserver',
  'logstash',
  'managesf',
  'mirror',
  'mosquitto',
  'murmur',
  'mysql',
  'pages',
  'postfix',
  'rabbitmq',
  'repoxplorer',
  'storyboard',
  'storyboard-webclient',
  'zuul-executor',
  'zuul-fingergw',
  'zuul-merger',
  'zuul-scheduler',
  'zuul-web',
];

export const INSTALL_SERVER = 'install-server';

export const KNOWN_ROLES: readonly string[] = [INSTALL_SERVER, ...MANAGED_ROLES, ...OTHER_ROLES];

/** What files of older releases call a role: `hypervisor-oci`, `nodepool3-launcher`. */
export function currentName(role: string): string {
  if (role === 'hypervisor-oci') return 'hypervisor-runc';
  return role.replace(/^(zuul|nodepool)3-/, '$1-');
}

export function isManaged(role: string): role is ManagedRole {
  return (MANAGED_ROLES as readonly string[]).includes(role);
}
