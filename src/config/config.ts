/**
 * The validated configuration: frozen, complete, with defaults filled in. Made by `loadConfig`; nothing else reads
 * nodepool.yaml. Values that only one driver understands stay in `options`, checked by the driver's schema.
 */
import type { Resources } from '../model/resources.ts';

export interface Config {
  /** Where the embedded store lives; ignored when there are ZooKeeper servers. */
  readonly stateDir: string;
  /** Undefined: the embedded store is used. */
  readonly zookeeper: ZookeeperConfig | undefined;
  readonly labels: ReadonlyMap<string, Label>;
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly diskimages: ReadonlyMap<string, DiskImage>;
  readonly tenantLimits: ReadonlyMap<string, Resources>;
  /** Undefined: nodes may be held for ever. */
  readonly maxHoldAgeS: number | undefined;
  readonly webapp: {
    readonly port: number;
    /** Of the builder, which may be on the launcher's machine. */
    readonly builderPort: number;
    readonly listenAddress: string;
    /** Undefined: nothing can be done from the web. */
    readonly tokenFile: string | undefined;
  };
  readonly elementsDir: string | undefined;
  readonly imagesDir: string | undefined;
  readonly buildLogDir: string | undefined;
  /** Old logs kept per image; negative keeps all. */
  readonly buildLogRetention: number;
}

export interface ZookeeperConfig {
  /** `{ host: '::1', port: 2281 }`; hosts without brackets. */
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** '' or '/something'. */
  readonly chroot: string;
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined;
  readonly sessionTimeoutMs: number;
}

export interface Label {
  readonly name: string;
  /** 0: no spare nodes. */
  readonly minReady: number;
  /** Undefined: ready nodes may get as old as they like. */
  readonly maxReadyAgeS: number | undefined;
}

export interface ProviderConfig {
  readonly name: string;
  /** The driver's canonical name: `runc`, also where the file says `runC`. */
  readonly driver: string;
  /** Undefined: unlimited. 0: this provider takes no request. */
  readonly maxConcurrency: number | undefined;
  /** Attempts in total. */
  readonly launchRetries: number;
  /** For one attempt, key scan included. */
  readonly launchTimeoutMs: number;
  /** For the key scan. */
  readonly bootTimeoutMs: number;
  readonly pools: ReadonlyMap<string, PoolConfig>;
  /** The provider's remaining keys as they stand in the file, with the schema's defaults. */
  readonly options: Options;
}

export interface PoolConfig {
  readonly name: string;
  readonly provider: string;
  /** Pool's, else provider's, else 100; lower wins. */
  readonly priority: number;
  /** Undefined: unlimited. 0 or less: the pool declines everything. */
  readonly maxServers: number | undefined;
  /** All limits of the pool: `instances` (from max-servers), `cores`, `ram`, `volumes`, `volume-gb`, … */
  readonly limits: Resources;
  readonly ignoreProviderQuota: boolean;
  readonly nodeAttributes: Readonly<Record<string, unknown>> | null;
  readonly hostKeyChecking: boolean;
  readonly labels: ReadonlyMap<string, PoolLabel>;
  readonly options: Options;
}

export interface PoolLabel {
  readonly name: string;
  readonly options: Options;
}

/** Keys in the file's spelling: `options['rw-overlay']`. */
export type Options = Readonly<Record<string, unknown>>;

export interface DiskImage {
  readonly name: string;
  /** After inheritance; abstract ones are left out of the configuration. */
  readonly elements: readonly string[];
  readonly dibCmd: string;
  readonly formats: readonly string[];
  readonly release: string;
  readonly rebuildAgeS: number;
  readonly buildTimeoutS: number;
  readonly envVars: Readonly<Record<string, string>>;
  /** The names among them that come from the secure file: their values are never shown. */
  readonly secretEnvVars: readonly string[];
  readonly pause: boolean;
  readonly username: string;
  readonly pythonPath: string;
  readonly shellType: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly deleteAfterUpload: boolean;
  readonly keepFormats: readonly string[];
}
