/** Hypervisors that are in the architecture no more: not while somebody uses their nodes, which would be left behind. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { load } from 'js-yaml';
import { asMapping, mappingsOf } from '../config/plain.ts';
import { ConfigError, reasonOf } from '../errors.ts';
import { hostsWith, installServer, type Host } from './arch.ts';
import { PROVIDER_FILE, RUNC_PROVIDER } from './provider-file.ts';
import type { Context } from './run.ts';

const TIME_LIMIT_MS = 60_000;

interface ListedNode {
  id: string;
  provider: string | null;
  pool: string | null;
  state: string;
}

/**
 * Throws ConfigError where nodes of a hypervisor that goes are in use or on hold. What is only spare goes with its pool. A
 * launcher that cannot be asked is told and stops nothing: the run may be there to mend it.
 */
export async function refuseBusyPools(context: Context): Promise<void> {
  const { arch, options, say } = context;
  const removed = await findRemovedPools(context);
  const [launcher] = [
    ...hostsWith(arch, 'nodepool-launcher').filter((host) => host === installServer(arch)),
    ...hostsWith(arch, 'nodepool-launcher'),
  ];
  if (removed.length === 0 || launcher === undefined) return;
  let nodes: readonly ListedNode[];
  try {
    nodes = await listNodes(launcher, context);
  } catch (error) {
    say(`note: cannot find out whether nodes of ${removed.join(', ')} are in use: ${reasonOf(error)}`);
    return;
  }
  const problems = removed.flatMap((pool) => {
    const busy = nodes.filter(
      (node) => node.provider === RUNC_PROVIDER && node.pool === pool && isBusy(node),
    );
    if (busy.length === 0) return [];
    const list = busy.map(({ id, state }) => `${id} ${state}`).join(', ');
    const advice =
      `put it back, run "nodepool drain ${RUNC_PROVIDER} ${pool} --wait", and take it out then` +
      (busy.some(({ state }) => state === 'hold') ? '; "nodepool delete ID" ends a node on hold' : '');
    const expected = `${pool}, whose nodes somebody uses (${list}): ${advice}`;
    return [{ file: options.arch, path: 'inventory', expected, found: 'no such hypervisor' }];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

const isBusy = ({ state }: ListedNode): boolean => state === 'in-use' || state === 'hold';

/** As the last run has committed them. Whatever somebody has made of that file, this run writes it anew. */
async function findRemovedPools({ arch, places, say }: Context): Promise<string[]> {
  const file = join(places.configDir, PROVIDER_FILE);
  const text = await readFile(file, 'utf8').catch(() => '');
  let content: unknown;
  try {
    content = load(text, { filename: file });
  } catch (error) {
    say(`note: cannot find out which hypervisors were taken out: ${reasonOf(error)}`);
  }
  const providers = mappingsOf(asMapping(content)?.providers);
  const pools = providers.flatMap(([, provider]) => mappingsOf(provider.pools));
  const names = pools.flatMap(([, { name }]) => (typeof name === 'string' ? [name] : []));
  const current = hostsWith(arch, 'hypervisor-runc').map(({ hostname }) => hostname);
  return names.filter((name) => !current.includes(name));
}

async function listNodes(launcher: Host, { arch, nodepool, places, signal }: Context): Promise<ListedNode[]> {
  const list = ['--format', 'json', 'list'];
  const isHere = launcher === installServer(arch);
  const options = ['BatchMode=yes', 'ConnectTimeout=20', 'StrictHostKeyChecking=accept-new'];
  const ssh = [...options, `UserKnownHostsFile=${places.knownHosts}`].flatMap((option) => ['-o', option]);
  const { stdout } = isHere
    ? await execa(nodepool, list, { stdin: 'ignore', timeout: TIME_LIMIT_MS, cancelSignal: signal })
    : await execa('ssh', [...ssh, `root@${launcher.ip}`, 'nodepool', ...list], {
        stdin: 'ignore',
        timeout: TIME_LIMIT_MS,
        cancelSignal: signal,
      });
  return JSON.parse(stdout) as ListedNode[];
}
