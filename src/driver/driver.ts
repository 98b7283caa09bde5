/**
 * What a driver must be. A driver knows its cloud or hosts; it never sees requests, locks or the store.
 * `src/fake/` is the smallest complete example, and one contract test runs every driver.
 */
import type { Clock } from '../clock.ts';
import type { PoolConfig, PoolLabel, ProviderConfig } from '../config/config.ts';
import type { Logger } from '../log.ts';
import type { Resources } from '../model/resources.ts';
import type { ImageStore } from './images.ts';

export interface Driver {
  /** The value of `driver:` in the configuration. */
  readonly name: string;
  /** Other accepted spellings: `runC` for `runc`. */
  readonly aliases?: readonly string[];
  /** Its providers have `images`, so that the builder opens them. */
  readonly managesImages?: true;
  /** JSON Schema of its provider section, without the options that all providers share. */
  readonly schema: object;
  /**
   * Checks that the schema cannot express, on the validated section. Calls `report` for each mistake with the path
   * inside the provider (`pools[0].labels[1].path`), what was expected and what was found. `earlier` are the driver's
   * providers further up in the file, for what must be unique over all of them.
   */
  check?(section: ProviderConfig, report: ReportProblem, earlier: readonly ProviderConfig[]): void;
  /** Opens a provider; returns at once and connects in the background. */
  open(config: ProviderConfig, deps: DriverDeps): Provider;
}

export type ReportProblem = (path: string, expected: string, found: string) => void;

export interface DriverDeps {
  log: Logger;
  clock: Clock;
  /** Tells the launcher that health, quota or inventory changed and waiting requests may go on. */
  onChange: () => void;
}

/** What to launch: everything a driver needs, nothing of the request itself but its id for names and metadata. */
export interface LaunchSpec {
  nodeId: string;
  requestId: string;
  /** Counts from 1; a driver may put it into the external id. */
  attempt: number;
  pool: PoolConfig;
  label: PoolLabel;
  /** All nodes of a request share it, where the provider has zones. */
  zone?: string;
  tenantName: string | null;
  /** For a label with a `diskimage`: the newest image of it that the builder has published in this provider. */
  image?: PublishedImage;
  /** What templates of a label may name as `{request.…}`, by Nodepool's names: `{ id: '200-0000000017', labels: […] }`. */
  request?: Readonly<Record<string, unknown>>;
}

/** An image of ours in the provider, and how nodes made of it are logged in to. */
export interface PublishedImage {
  externalId: string;
  /** Where its record is in ZooKeeper, as Nodepool notes it on nodes: `/nodepool/images/debian/builds/…`. */
  record: string;
  username?: string;
  pythonPath: string;
  shellType?: string;
}

/** A reachable machine: the fields of a node record that the driver knows. */
export interface Instance {
  externalId: string;
  hostname?: string;
  interfaceIp?: string;
  publicIpv4?: string;
  privateIpv4?: string;
  publicIpv6?: string;
  connectionType?: string;
  connectionPort?: number;
  username?: string;
  hostKeys?: readonly string[];
  pythonPath?: string;
  shellType?: string;
  imageId?: string;
  cloud?: string;
  region?: string;
  az?: string;
  hostId?: string;
  driverData?: unknown;
}

export interface LaunchContext {
  /** Aborted when the launch is no longer wanted or its time is over. */
  signal: AbortSignal;
  log: Logger;
  /**
   * To be called, and awaited, before anything is made: what exists under this id is then found and removed even if
   * this process dies in the next moment. Where the provider chooses the id, at once after that; until then the node's id
   * in the instance's mark does the same. `driverData` is kept in the record, for `destroy`.
   */
  onExternalId(externalId: string, driverData?: unknown): Promise<void>;
  /** Hears what the driver does next; for those who watch where the time goes. */
  onStep?: (step: LaunchStep) => void;
}

/** In this order, as far as a driver has them. `start` ends when the instance runs, `port` when its sshd listens. */
export type LaunchStep = 'prepare' | 'create' | 'start' | 'address' | 'port' | 'keyscan';

/** What the node's record says about an instance; its pool may not be configured any more. */
export interface Whereabouts {
  pool: string | null;
  driverData: unknown;
}

/** Something found in the provider that carries our mark. */
export interface FoundInstance {
  externalId: string;
  /** From its metadata. */
  nodeId: string;
  pool?: string;
  /** False: it exists but does not run any more (died, rebooted host). Undefined: not known. */
  running?: boolean;
}

/** Why a label cannot be served now. `temporary`: may pass by itself, so the request waits for a while. */
export interface Unready {
  reason: string;
  temporary: boolean;
}

/** `{ what: 'authentication', ok: false, detail: '401 …' }` */
export interface Finding {
  what: string;
  ok: boolean;
  detail: string;
}

/** A machine that is not made but registered: one slot of a static host. */
export interface StaticSlot {
  /** Identity of the slot inside the provider, made by `makeSlotKey`. */
  key: string;
  pool: PoolConfig;
  labels: readonly string[];
  slot: number;
}

export interface Provider {
  /**
   * Makes one reachable instance. On failure it has removed what it made, then throws LaunchError, QuotaError (no room:
   * the pool pauses) or HostError. Missing for drivers that only register machines.
   */
  launch?(spec: LaunchSpec, context: LaunchContext): Promise<Instance>;

  /**
   * Removes an instance and everything belonging to it, whatever is left of it. Already gone is success; not knowing
   * whether it is gone is not: whoever calls keeps the record then and tries again.
   */
  destroy(externalId: string, signal: AbortSignal, whereabouts?: Whereabouts): Promise<void>;

  /** Every instance that carries this provider's mark. */
  list(signal: AbortSignal): Promise<FoundInstance[]>;

  /** What the provider itself allows in total; unlimited where a key is missing. */
  quota(): Promise<Resources>;

  /** What one node of the label takes. */
  cost(pool: PoolConfig, label: PoolLabel): Resources;

  /** Why the label cannot be served in this pool now; undefined when it can. */
  unready(pool: PoolConfig, label: PoolLabel): Unready | undefined;

  /** Is a ready node still there? Returns why it is not. Asked before a job gets the node. */
  checkAlive?(externalId: string, signal: AbortSignal): Promise<string | undefined>;

  /** Zones from which one is drawn per request; empty when the provider has none. */
  zones?(pool: PoolConfig): readonly string[];

  /**
   * Looks for what instances have left behind (ports, addresses, disks) and removes what was there the last time as well.
   * Called about once a minute.
   */
  tidy?(signal: AbortSignal): Promise<void>;

  /** Tries what nodes need, one thing after another, each told when it is known; for people who set a provider up. */
  diagnose?(signal: AbortSignal): AsyncIterable<Finding>;

  /** Registered machines instead of launched ones. */
  inventory?: Inventory;

  /** Where the builder can publish images. Missing where images are not managed. */
  images?: ImageStore;

  /** Releases connections, after the work in flight; `signal` ends the waiting. */
  close(signal: AbortSignal): Promise<void>;
}

export interface Inventory {
  /** All slots that should have a node record, whether their host answers or not. */
  slots(): readonly StaticSlot[];
  /** Reads the host's keys and addresses; throws HostError when it does not answer or its key is not the given one. */
  inspect(slot: StaticSlot, signal: AbortSignal): Promise<Instance>;
}
