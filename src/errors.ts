/**
 * The errors on which callers act differently. Fields carry the reason, messages the expected and the found value,
 * `cause` the original error. Foreign errors are translated into these once, where they enter.
 */

/** One mistake in a configuration file. */
export interface Problem {
  file: string;
  /** 1-based; absent when the mistake is the absence of something at the top level. */
  line?: number;
  /** Path of the key, `providers[0].pools[1].max-servers`; empty for the whole file. */
  path: string;
  found: string;
  expected: string;
}

/** The configuration cannot be used; carries every mistake found, not only the first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** `nodepool.yaml:12: providers[0].pools[0].max-servers: expected an integer, found "ten"` */
export function formatProblem({ file, line, path, found, expected }: Problem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return `${place}: ${path === '' ? '' : `${path}: `}expected ${expected}, found ${found}`;
}

/** A record is not (or no longer) in the store. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError';
  readonly collection: string;
  readonly id: string;

  constructor(collection: string, id: string) {
    super(`${collection}/${id} does not exist`);
    this.collection = collection;
    this.id = id;
  }
}

/** The state store cannot be used: absent, not permitted, unreachable, closed. Says what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** A lock that the work depends on is gone; the work must stop and write nothing more. */
export class LockLostError extends Error {
  override readonly name = 'LockLostError';
}

/** The provider has no room at the moment; the pool pauses instead of failing the request. */
export class QuotaError extends Error {
  override readonly name = 'QuotaError';
}

/** Where a launch failed; becomes part of the log line and of the statistics key. */
export type LaunchStage = 'prepare' | 'create' | 'start' | 'address' | 'keyscan' | 'timeout' | 'cancelled';

/** One attempt to make a node failed, and the driver has removed what it had made. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  readonly stage: LaunchStage;
  /** False when another attempt cannot help, for instance when the rootfs does not exist. */
  readonly retriable: boolean;

  constructor(stage: LaunchStage, message: string, options: { cause?: unknown; retriable?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.stage = stage;
    this.retriable = options.retriable ?? true;
  }
}

/** An image was not built; the log file says more than the message. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
  readonly logFile: string;
  readonly exitCode: number | undefined;

  constructor(message: string, options: { logFile: string; exitCode?: number; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.logFile = options.logFile;
    this.exitCode = options.exitCode;
  }
}

/** A command on this or another host ended with an error, was cancelled or took too long. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly host: string;
  readonly command: string;
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly timedOut: boolean;

  constructor(fields: {
    host: string;
    command: string;
    exitCode?: number;
    stderr?: string;
    timedOut?: boolean;
    cause?: unknown;
  }) {
    const how = fields.timedOut ? 'took too long' : `ended with exit code ${fields.exitCode ?? 'unknown'}`;
    const detail = fields.stderr ? `: ${fields.stderr.trim()}` : '';
    super(`${fields.command} on ${fields.host} ${how}${detail}`, { cause: fields.cause });
    this.host = fields.host;
    this.command = fields.command;
    this.exitCode = fields.exitCode;
    this.stderr = fields.stderr ?? '';
    this.timedOut = fields.timedOut ?? false;
  }
}

/** A host is unreachable or its identity is not the expected one; affects the host, not one node. */
export class HostError extends Error {
  override readonly name = 'HostError';
  readonly host: string;

  constructor(host: string, message: string, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.host = host;
  }
}

/** The message of anything thrown, without a stack trace. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
