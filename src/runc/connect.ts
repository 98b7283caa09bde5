/** Makes a hypervisor ready for work: connection, agent, checks of its labels, log service for Zuul. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { asset } from '../asset.ts';
import type { Clock } from '../clock.ts';
import { HostError, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { Agent, explain } from './agent.ts';
import type { RootfsFacts } from './bundle.ts';
import { openLocalShell, openRemoteShell, type Channel } from './channel.ts';
import { readHostFacts, type AgentFacts } from './host-facts.ts';
import type { HypervisorOptions } from './hypervisor.ts';
import { probeLabel } from './probe.ts';

/** What tests change and operators do not. */
export interface ConnectionSettings {
  connectTimeoutMs: number;
  keepaliveMs: number;
  /** What understands the agent on this machine; default `sh`. */
  localShell?: readonly string[];
  /** 19885, where Zuul looks for it; undefined: no log service. */
  consolePort: number | undefined;
}

export interface HostFacts extends AgentFacts {
  /** Where jobs and the launcher reach the containers. */
  address: string;
}

/** A connected hypervisor. */
export interface AgentLink {
  agent: Agent;
  facts: HostFacts;
  /** By label: what its config.json must know; absent while the label has a problem. */
  rootfs: Map<string, RootfsFacts>;
  /** By label: why it cannot be served. */
  problems: Map<string, string>;
  /** Starts the log service unless it runs. Never rejects. */
  startConsole(): Promise<void>;
  ended: Promise<string>;
  close(): void;
}

interface Deps {
  clock: Clock;
  log: Logger;
}

/** @param agentId names the caller: a new connection ends the agent that a cut one of the same caller left behind. */
export async function connectAgent(
  options: HypervisorOptions,
  agentId: string,
  deps: Deps,
  signal: AbortSignal,
): Promise<AgentLink> {
  const { pool, paths, labels, settings } = options;
  const address = await resolveAddress(options);
  const channel = await openShell(options, address, deps.log, signal);
  const agent = new Agent(
    pool.name,
    channel,
    {
      base: paths.base,
      run: paths.run,
      host_rootfs: paths.hostRootfs,
      agent: agentId,
      session: '',
    },
    deps.clock,
  );
  try {
    const answer = await agent.run('hello', {}, { timeoutMs: settings.connectTimeoutMs, signal });
    if (answer.code !== 0) throw new HostError(pool.name, `${pool.name}: ${explain(answer)}`);
    const link: AgentLink = {
      agent,
      facts: { ...readHostFacts(answer.text), address: pool.address ?? address },
      rootfs: new Map(),
      problems: new Map(),
      startConsole: createConsoleStarter(agent, options, deps.log),
      ended: agent.ended,
      close: () => agent.close(),
    };
    await Promise.all(labels.map((label) => probeLabel(link, label)));
    for (const [label, problem] of link.problems) {
      deps.log.error('label cannot be served', { host: pool.name, label, error: problem });
    }
    void link.startConsole();
    return link;
  } catch (error) {
    agent.close();
    throw error;
  }
}

async function openShell(
  { pool, provider, settings }: HypervisorOptions,
  address: string,
  log: Logger,
  signal: AbortSignal,
): Promise<Channel> {
  if (pool.local) return openLocalShell(settings.localShell);
  const { connectSsh } = await import('../ssh/connection.ts'); // Heavy, and often not needed.
  const connection = await connectSsh(
    {
      host: pool.name,
      port: pool.sshPort,
      address,
      username: 'root',
      keyFiles: provider.keyFiles,
      hostKeys: pool.hostKeys,
      knownHosts: provider.knownHosts,
      timeoutMs: settings.connectTimeoutMs,
      keepaliveMs: settings.keepaliveMs,
    },
    log,
    signal,
  );
  return openRemoteShell(connection);
}

/** The pool's name as an address, so that everybody who gets the node uses the same one. */
async function resolveAddress({ pool }: HypervisorOptions): Promise<string> {
  if (pool.local) return '127.0.0.1';
  if (isIP(pool.name) !== 0) return pool.name;
  try {
    return (await lookup(pool.name)).address;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new HostError(
      pool.name,
      `cannot resolve the pool name ${pool.name} to an address (${code ?? 'no reason given'})`,
      {
        cause: error,
      },
    );
  }
}

/** Says once why there is no streaming; containers work without it. */
function createConsoleStarter(agent: Agent, options: HypervisorOptions, log: Logger): () => Promise<void> {
  const port = options.settings.consolePort;
  let lastProblem: string | undefined;
  return async () => {
    if (port === undefined) return;
    const variables = { script: asset('runc/zuul-console.py').trimEnd(), console_port: port };
    const problem = await agent
      .run('console', variables, { timeoutMs: 30_000 })
      .then((answer) => (answer.code === 0 ? undefined : explain(answer)), reasonOf);
    if (problem !== undefined && problem !== lastProblem) {
      log.warning('no live output of tasks from this hypervisor', {
        host: options.pool.name,
        error: problem,
      });
    }
    lastProblem = problem;
  };
}
