/** One hypervisor: the operations that a pool's nodes need, done by the agent over one connection. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { HostError, LaunchError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { explain, type Agent, type Answer } from './agent.ts';
import type { HypervisorPaths, RootfsFacts } from './bundle.ts';
import { connectAgent, type AgentLink, type ConnectionSettings } from './connect.ts';
import { createVariables } from './create-variables.ts';
import type { HostKey } from './host-key.ts';
import { Link } from './link.ts';
import { annotationsOf, type Mark } from './mark.ts';
import type { LabelOptions, PoolOptions, ProviderOptions } from './options.ts';
import { createPortHints, type PortHints } from './port-hints.ts';
import { probeLabel } from './probe.ts';
import { readListing, type Found } from './listing.ts';

export interface HypervisorOptions {
  provider: ProviderOptions;
  pool: PoolOptions;
  labels: readonly LabelOptions[];
  paths: HypervisorPaths;
  settings: ConnectionSettings;
}

export interface CreateSpec {
  id: string;
  label: LabelOptions;
  mark: Mark;
  hostKey: HostKey;
  signal: AbortSignal;
}

/** Exit codes of the agent, besides 0. */
const NOT_RETRIABLE = new Set([10]);
const PORTS_EXHAUSTED = 11;
const CREATE_TIMEOUT_MS = 120_000;
const DESTROY_TIMEOUT_MS = 120_000;
const LOOK_TIMEOUT_MS = 30_000;
const LEAVE_TIMEOUT_MS = 5_000;
const PROBE_AGAIN_MS = 30_000;

export class Hypervisor {
  readonly name: string;
  readonly #options: HypervisorOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #link: Link<AgentLink>;
  readonly #ports: PortHints;
  #cancelProbe: () => void = () => undefined;

  constructor(options: HypervisorOptions, deps: { clock: Clock; log: Logger; onChange: () => void }) {
    this.name = options.pool.name;
    this.#options = options;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#onChange = deps.onChange;
    this.#ports = createPortHints(options.pool.ports);
    const agentId = randomUUID();
    this.#link = new Link({
      host: this.name,
      connect: (signal) => connectAgent(options, agentId, deps, signal),
      onChange: () => this.#changed(),
      log: deps.log,
      clock: deps.clock,
    });
  }

  /** Why no container of this label can be made now. */
  unready(label: string): { reason: string; temporary: boolean } | undefined {
    const { state } = this.#link;
    switch (state.is) {
      case 'connecting':
        return { reason: `connecting to ${this.name}`, temporary: true };
      case 'down':
        return { reason: state.reason, temporary: true };
      case 'up': {
        const problem = state.linked.problems.get(label);
        return problem === undefined ? undefined : { reason: `${this.name}: ${problem}`, temporary: false };
      }
    }
  }

  /** Addresses found when the connection was made. */
  async facts(signal: AbortSignal): Promise<AgentLink['facts']> {
    return (await this.#link.get(signal)).facts;
  }

  /** Makes and starts a container; gives the port on which its sshd listens. Cleans up what it could not finish. */
  async create(spec: CreateSpec): Promise<number> {
    const { id, label, signal } = spec;
    const link = await this.#link.get(signal);
    const rootfs = await this.#rootfsOf(link, label);
    signal.throwIfAborted();
    const hint = this.#ports.take(id);
    // When the launch is cancelled, removing the container also ends its creation, which then answers with an error.
    const cancel = () => void this.#destroyWith(link.agent, id, spec.mark.provider).catch(() => undefined);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answer = await link.agent.run('create', this.#createVariables(link, spec, rootfs, hint), {
        timeoutMs: CREATE_TIMEOUT_MS,
      });
      if (signal.aborted) await this.#destroyWith(link.agent, id, spec.mark.provider);
      signal.throwIfAborted();
      const port = this.#readCreated(link, label, answer);
      this.#ports.settle(id, port);
      return port;
    } catch (error) {
      this.#ports.release(id);
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** Removes a container and everything of it. False: there was nothing. */
  async destroy(id: string, provider: string, signal: AbortSignal): Promise<boolean> {
    const { agent } = await this.#link.get(signal);
    const text = await this.#destroyWith(agent, id, provider, signal);
    this.#ports.release(id);
    return text !== 'gone';
  }

  /** Every bundle and container that carries the provider's mark. */
  async list(provider: string, signal: AbortSignal): Promise<Found[]> {
    const link = await this.#link.get(signal);
    void link.startConsole();
    const answer = await link.agent.run('list', {}, { timeoutMs: LOOK_TIMEOUT_MS, signal });
    const found = readListing(this.#textOf('list', answer), this.#options.paths.base).filter(
      ({ mark }) => mark.provider === provider,
    );
    for (const { id, port } of found) if (port !== undefined) this.#ports.settle(id, port);
    return found;
  }

  /** Why the container is not running any more; undefined when it is. */
  async checkAlive(id: string, signal: AbortSignal): Promise<string | undefined> {
    const { agent } = await this.#link.get(signal);
    const answer = await agent.run('alive', { id }, { timeoutMs: LOOK_TIMEOUT_MS, signal });
    return answer.code === 0 ? undefined : explain(answer);
  }

  /** Takes leave of the hypervisor, within the signal's time. */
  async close(signal: AbortSignal): Promise<void> {
    this.#cancelProbe();
    const { state } = this.#link;
    if (state.is === 'up' && !signal.aborted) {
      await state.linked.agent
        .run('leave', {}, { timeoutMs: LEAVE_TIMEOUT_MS, signal })
        .catch(() => undefined);
    }
    this.#link.close();
  }

  async #destroyWith(agent: Agent, id: string, provider: string, signal?: AbortSignal): Promise<string> {
    const answer = await agent.run(
      'destroy',
      { id, mark: `"provider":${JSON.stringify(provider)}` },
      { timeoutMs: DESTROY_TIMEOUT_MS, ...(signal ? { signal } : {}) },
    );
    return this.#textOf('destroy', answer);
  }

  #textOf(operation: string, answer: Answer): string {
    if (answer.code === 0) return answer.text;
    throw new HostError(this.name, `${operation} on ${this.name} failed: ${explain(answer)}`);
  }

  /** What is known about the label's rootfs; a label with a problem is looked at again, it may be solved by now. */
  async #rootfsOf(link: AgentLink, label: LabelOptions): Promise<RootfsFacts> {
    const known = link.rootfs.get(label.name);
    if (known !== undefined) return known;
    await probeLabel(link, label);
    const found = link.rootfs.get(label.name);
    if (found !== undefined) return found;
    throw new LaunchError(
      'prepare',
      `${this.name}: ${link.problems.get(label.name) ?? 'the label cannot be served'}`,
      { retriable: false },
    );
  }

  #readCreated(link: AgentLink, label: LabelOptions, answer: Answer): number {
    const { code } = answer;
    if (code === 0) return Number(answer.text.split(' ')[0]);
    const problem = explain(answer);
    const reason = `${this.name}: ${problem}`;
    // Whatever was known about the rootfs may be wrong now.
    link.rootfs.delete(label.name);
    if (NOT_RETRIABLE.has(code)) {
      link.problems.set(label.name, problem);
      this.#changed();
      throw new LaunchError('prepare', reason, { retriable: false });
    }
    throw new LaunchError(code === PORTS_EXHAUSTED ? 'prepare' : 'create', reason);
  }

  #createVariables(link: AgentLink, spec: CreateSpec, rootfs: RootfsFacts, hint: number) {
    const { provider, pool, paths } = this.#options;
    return createVariables({
      id: spec.id,
      label: spec.label,
      hostKey: spec.hostKey,
      mark: JSON.stringify(spec.mark),
      annotations: annotationsOf(spec.mark),
      paths,
      rootfs,
      consoleDir: provider.consoleDir,
      keepFailedSeconds: provider.keepFailedSeconds,
      ports: pool.ports,
      firstPort: hint,
      architecture: link.facts.architecture,
      maxOpenFiles: link.facts.maxOpenFiles,
    });
  }

  #changed(): void {
    this.#cancelProbe();
    const { state } = this.#link;
    if (state.is === 'up' && state.linked.problems.size > 0) {
      this.#cancelProbe = this.#clock.after(PROBE_AGAIN_MS, () => void this.#probeAgain(state.linked));
    }
    this.#onChange();
  }

  async #probeAgain(link: AgentLink): Promise<void> {
    const failing = this.#options.labels.filter(({ name }) => link.problems.has(name));
    await Promise.all(failing.map((label) => probeLabel(link, label)));
    for (const { name } of failing) {
      if (!link.problems.has(name))
        this.#log.info('label can be served again', { host: this.name, label: name });
    }
    this.#changed();
  }
}
