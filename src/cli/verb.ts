/** What a verb of the `nodepool` command is, and what it is given. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../clock.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Driver } from '../driver/driver.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Boot } from './boot-words.ts';

/** Light, so that the whole list of verbs costs nothing; the work is in the module that `load` imports. */
export interface Verb {
  name: string;
  group: 'Nodes' | 'Requests' | 'Providers' | 'Images' | 'Configuration';
  /** One line in the list of verbs. */
  summary: string;
  /** What it does, when to use it, its exit codes. */
  description: string;
  /** `'<id...>'`, as commander spells them. */
  arguments?: string;
  /** Arguments after `--` are a command, kept apart. */
  takesCommand?: true;
  options?: readonly VerbOption[];
  /** Command lines without the leading `nodepool`, each with a remark. */
  examples: readonly (readonly [command: string, remark: string])[];
  load(): Promise<{ run: Run }>;
}

export interface VerbOption {
  flags: string;
  description: string;
  parse?: (text: string) => unknown;
}

/** Returns the exit code; throws Failure for anything else that people should read. */
export type Run = (tools: Tools, input: Input) => Promise<number>;

export interface Input {
  args: readonly string[];
  /** What stands behind `--`; undefined when nothing does. */
  command: readonly string[] | undefined;
  options: Options;
}

/** The options of all verbs; which verb has which is in the list of verbs. */
export interface Options {
  detail?: true;
  now?: true;
  force?: true;
  wait?: true;
  tty?: true;
  reason?: string;
  /** Seconds. */
  for?: number;
  timeout?: number;
  nodes?: number;
  holdOnFailure?: true;
  identity?: string;
  provider?: string;
  image?: string;
  buildId?: string;
  uploadId?: string;
  configRepo?: string;
  output?: string;
  type?: string;
  boot?: Boot;
  base?: string;
  launchers?: string[];
}

/** Everything that a verb may touch. What costs time is opened only when it is asked for. */
export interface Tools {
  readonly io: Io;
  readonly format: 'table' | 'json';
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted with `Interrupted`. */
  readonly signal: AbortSignal;
  /** As given with -c, or the default. */
  readonly configFile: string;
  /** `root@ci1`, for records that say who did something. */
  readonly who: string;
  /** The state store; closed after the verb. */
  openStore(): Promise<Store>;
  loadConfig(file?: string): Promise<LoadedConfig>;
  drivers(): Promise<readonly Driver[]>;
}

export interface Io {
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
}
