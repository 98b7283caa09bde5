/** Requests nodes, runs a command on them, frees them. */
import { nowS } from '../clock.ts';
import { makeRequest } from '../model/request.ts';
import type { Store } from '../store/store.ts';
import { formatSpan } from '../operator/cell.ts';
import { sshTarget, type SshTarget } from '../operator/connection.ts';
import { EXIT_NOT_RUN, Failure, Interrupted, UsageError } from './failure.ts';
import { findIdentities, type Identities } from './identity.ts';
import { takeNodes, type Lease, type Return } from './lease.ts';
import { warn } from './print.ts';
import { startProgress, type Progress } from './progress.ts';
import { joinCommand } from './remote-command.ts';
import type { Input, Run, Tools } from './verb.ts';
import { waitForNodes, watchRequests } from './wait-request.ts';

const DEFAULT_TIMEOUT_S = 600;
/** As urgent as Zuul's highest precedence: a person waits. */
const PREFIX = '100-';

export const run: Run = async (tools, input) => {
  const [label = ''] = input.args;
  const { nodes: count = 1, identity } = input.options;
  checkUse(tools, input, count);
  const identities = await findIdentities(tools, identity);
  const store = await tools.openStore();
  const progress = startProgress(tools.io);
  // Loaded while the launcher works, not when the node is there.
  const work = input.command ? import('./run-command.ts') : import('./run-shell.ts');
  work.catch(() => undefined);

  let requestId: string | undefined;
  let lease: Lease | undefined;
  const codes = new Map<string, number>();
  try {
    const watching = watchRequests(store);
    requestId = await createRequest(tools, store, Array<string>(count).fill(label));
    const watch = await watching;
    progress.show(`request ${requestId} for ${count === 1 ? label : `${count} × ${label}`}`);
    const startMs = tools.clock.nowMs();
    const ids = await waitForNodes(tools, store, watch, {
      id: requestId,
      timeoutS: input.options.timeout ?? DEFAULT_TIMEOUT_S,
      progress,
    });
    lease = await takeNodes(tools, store, ids);
    watch.view.close();
    const targets = targetsOf(lease);
    progress.stop();
    announce(progress, targets, tools.clock.nowMs() - startMs);
    return await useNodes({
      tools,
      lease,
      targets,
      identities,
      codes,
      work: await work,
      command: input.command,
    });
  } finally {
    progress.stop();
    await lease?.end((nodeId) => chooseReturn(tools, input, nodeId, codes));
    if (requestId !== undefined) await store.requests.remove(requestId);
  }
};

function checkUse({ io, format }: Tools, { command }: Input, count: number): void {
  if (format === 'json')
    throw new UsageError('run prints what the command prints; --format json does not go with it');
  if (command) return;
  if (!io.stdin.isTTY)
    throw new UsageError('without a terminal, give the command after --: nodepool run LABEL -- make test');
  if (count > 1)
    throw new UsageError('a shell needs exactly one node; with --nodes, give a command after --');
}

/** Ephemeral: if this process dies, the request goes with it and the launcher frees the nodes. */
async function createRequest(tools: Tools, store: Store, labels: string[]): Promise<string> {
  const now = nowS(tools.clock);
  const request = makeRequest({
    nodeTypes: labels,
    stateTimeS: now,
    createdTimeS: now,
    requestor: `nodepool run ${tools.who} ${process.pid}`,
  });
  return (await store.requests.create(request, { prefix: PREFIX, ephemeral: true })).id;
}

function targetsOf(lease: Lease): SshTarget[] {
  return lease.nodes.map(({ entry }) => {
    const target = sshTarget(entry);
    if (target) return target;
    const type = entry.value.connectionType;
    throw new Failure(
      `node ${entry.id} is not reached over SSH but by ${type ?? 'nothing known'}`,
      EXIT_NOT_RUN,
    );
  });
}

function announce(progress: Progress, targets: readonly SshTarget[], elapsedMs: number): void {
  const span = elapsedMs < 10_000 ? `${(elapsedMs / 1000).toFixed(2)} s` : formatSpan(elapsedMs / 1000);
  const where = targets.map(({ nodeId, username, host, port }) => `${nodeId} (${username}@${host}:${port})`);
  progress.note(`${where.length === 1 ? 'node' : 'nodes'} ${where.join(', ')} ready after ${span}`);
}

/** What the two ways of using nodes, a command and a shell, have in common. */
export interface Use {
  tools: Tools;
  lease: Lease;
  targets: readonly SshTarget[];
  identities: Identities;
  command: readonly string[] | undefined;
  /** Aborted when the locks are lost. */
  signal: AbortSignal;
  /** Exit code of each node, as soon as it is known. */
  codes: Map<string, number>;
}

async function useNodes(
  given: Omit<Use, 'signal'> & { work: { useNodes: (use: Use) => Promise<number> } },
): Promise<number> {
  const { tools, lease, work } = given;
  for (const { nodeId, hostKeys } of given.targets) {
    if (hostKeys.length === 0)
      warn(tools, `node ${nodeId} has no recorded host key: its identity is not checked`);
  }
  try {
    return await work.useNodes({ ...given, signal: lease.lost });
  } catch (error) {
    if (!lease.lost.aborted) throw error;
    throw new Failure(
      'the lock of the node was lost, so it is not ours any more; the command was stopped',
      EXIT_NOT_RUN,
    );
  }
}

/** A node is kept when its own command failed; not when a person stopped it. */
function chooseReturn(
  tools: Tools,
  { command, options }: Input,
  nodeId: string,
  codes: Map<string, number>,
): Return {
  const code = codes.get(nodeId);
  const stopped = tools.signal.reason instanceof Interrupted;
  if (!options.holdOnFailure || code === undefined || code === 0 || stopped) return { state: 'used' };
  const what = command ? joinCommand(command) : 'the shell';
  warn(tools, `node ${nodeId} is kept: nodepool ssh ${nodeId}; when done: nodepool delete ${nodeId}`);
  return {
    state: 'hold',
    comment: options.reason ?? `nodepool run by ${tools.who}: ${what} ended with ${code}`,
  };
}
