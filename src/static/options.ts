/** The options of the static driver: the hosts of a pool. `docs/static.md` explains each. */
import type { Options, PoolConfig, ProviderConfig } from '../config/config.ts';
import { isHost } from '../config/host.ts';
import {
  flag,
  list,
  port,
  positiveInteger,
  providerSchema,
  seconds,
  section,
  stringOrStrings,
  text,
} from '../config/schema.ts';
import type { ReportProblem } from '../driver/driver.ts';
import { HOST_KEY_TYPES, readHostKey } from '../driver/host-key.ts';

/** One registered host, its options read. */
export interface StaticHost {
  name: string;
  labels: readonly string[];
  username: string;
  port: number;
  timeoutMs: number;
  hostKeyChecking: boolean;
  /** `type base64` each. */
  hostKeys: readonly string[];
  connectionType: string;
  shellType: string | undefined;
  pythonPath: string;
  maxParallelJobs: number;
}

const hostSchema = section(
  {
    name: text,
    labels: stringOrStrings,
    username: text,
    timeout: seconds,
    'host-key': { ...stringOrStrings, expected: 'a host key "type base64" or a list of them' },
    'host-key-checking': flag,
    'connection-port': port,
    // The older name of connection-port.
    'ssh-port': port,
    'connection-type': text,
    'shell-type': text,
    'python-path': text,
    'max-parallel-jobs': positiveInteger,
  },
  ['name', 'labels'],
);

export const staticSchema = providerSchema({
  pool: { nodes: list(hostSchema) },
  label: null,
  requires: { provider: ['pools'], pool: ['nodes'] },
});

export function readHosts(pool: PoolConfig): StaticHost[] {
  return nodesOf(pool.options).map((node) => readHost(node, pool.hostKeyChecking));
}

function readHost(node: Options, poolChecksKeys: boolean): StaticHost {
  const connectionType = (node['connection-type'] as string | undefined) ?? 'ssh';
  return {
    name: node['name'] as string,
    labels: readLabels(node),
    username: (node['username'] as string | undefined) ?? 'zuul',
    port: portOf(node),
    timeoutMs: ((node['timeout'] as number | undefined) ?? 5) * 1000,
    hostKeyChecking: (node['host-key-checking'] as boolean | undefined) ?? poolChecksKeys,
    hostKeys: keyLines(node).flatMap(({ line }) => readHostKey(line) ?? []),
    connectionType,
    shellType: node['shell-type'] as string | undefined,
    pythonPath: (node['python-path'] as string | undefined) ?? 'auto',
    maxParallelJobs: (node['max-parallel-jobs'] as number | undefined) ?? 1,
  };
}

/** What the schema cannot say: hosts registered twice, text that is no host or host key, contradicting ports. */
export function checkHosts(
  provider: ProviderConfig,
  report: ReportProblem,
  earlier: readonly ProviderConfig[],
): void {
  const seen = new Map<string, string>();
  for (const other of earlier) {
    for (const { identity } of placesOf(other)) seen.set(identity, `in provider "${other.name}"`);
  }
  for (const { node, path, identity } of placesOf(provider)) {
    checkHost(node, path, report);
    const first = seen.get(identity);
    if (first === undefined) seen.set(identity, `at ${path}`);
    else report(path, 'each host, user and port once', `${identity} again (first ${first})`);
  }
}

/** Every host with its path in the provider and what makes it the same as another one: `zuul@host:22`. */
function placesOf({ pools }: ProviderConfig): { node: Options; path: string; identity: string }[] {
  return [...pools.values()].flatMap((pool, poolIndex) =>
    nodesOf(pool.options).map((node, nodeIndex) => {
      const { name, username, port } = readHost(node, true);
      return {
        node,
        path: `pools[${poolIndex}].nodes[${nodeIndex}]`,
        identity: `${username}@${name}:${port}`,
      };
    }),
  );
}

function checkHost(node: Options, path: string, report: ReportProblem): void {
  const name = node['name'] as string;
  if (!isHost(name)) report(`${path}.name`, 'a host name or address', JSON.stringify(name));
  if (readLabels(node).length === 0) report(`${path}.labels`, 'at least one label', 'none');
  const modern = node['connection-port'] as number | undefined;
  const legacy = node['ssh-port'] as number | undefined;
  if (modern !== undefined && legacy !== undefined && modern !== legacy) {
    report(`${path}.ssh-port`, `no ssh-port beside connection-port (${modern})`, `${legacy}`);
  }
  for (const { line, path: place } of keyLines(node)) {
    if (readHostKey(line) !== undefined) continue;
    report(
      `${path}.${place}`,
      `a host key "type base64" of type ${HOST_KEY_TYPES.join(', ')}`,
      JSON.stringify(line),
    );
  }
}

function nodesOf(pool: Options): readonly Options[] {
  return (pool['nodes'] as readonly Options[] | undefined) ?? [];
}

/** `labels: small big` and `labels: [small, big]` mean the same. */
function readLabels(node: Options): readonly string[] {
  const labels = node['labels'] as string | readonly string[];
  return typeof labels === 'string' ? labels.split(/\s+/).filter((label) => label !== '') : labels;
}

function keyLines(node: Options): { line: string; path: string }[] {
  const lines = (node['host-key'] as string | readonly string[] | undefined) ?? [];
  if (typeof lines === 'string') return [{ line: lines, path: 'host-key' }];
  return lines.map((line, index) => ({ line, path: `host-key[${index}]` }));
}

function portOf(node: Options): number {
  const given = node['connection-port'] ?? node['ssh-port'];
  return (given as number | undefined) ?? (node['connection-type'] === 'winrm' ? 5986 : 22);
}
