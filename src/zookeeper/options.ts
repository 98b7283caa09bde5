import { BadArgumentsError, ErrorCode } from './errors.ts';
import type { TlsOptions } from './net/tls.ts';
import { normalizeChroot, parseServers, type Server } from './servers.ts';

/** A credential for `addAuth`; `digest` takes `user:password`. Sent again on every connection, never shown. */
export interface Credential {
  scheme: string;
  auth: string | Uint8Array;
}

export interface ClientOptions {
  /** `a:2181,b:2181/chroot`, or a list. Tried in random order. */
  servers: string | readonly Server[];
  /** Path in front of all others; overrides the one in `servers`. */
  chroot?: string;
  /** Encrypts, and authenticates both sides if there is a client certificate. */
  tls?: TlsOptions;
  auth?: readonly Credential[];
  /** How long the session survives without a connection; the server may grant another value. */
  sessionTimeoutMs?: number;
  /**
   * For one server, from opening the socket to its answer. By default all servers together get a third of the session's
   * time, so that servers which accept connections but never answer, as one that starts may do, do not cost the session.
   */
  connectTimeoutMs?: number;
  /** For each call, waiting for a connection included; 0 means no limit. */
  requestTimeoutMs?: number;
  /** Pause after all servers have failed: doubles from the first to the largest, each shortened at random. */
  backoff?: { firstMs: number; maxMs: number };
  /** Largest answer accepted. */
  maxReplyBytes?: number;
  /** Largest request sent. The servers' own limit is jute.maxbuffer, 1 MiB unless configured. */
  maxRequestBytes?: number;
}

export type ResolvedOptions = ReturnType<typeof resolveOptions>;

/** Fills in the defaults and checks everything that can be checked without a server. */
export function resolveOptions(options: ClientOptions) {
  const { servers, chroot } =
    typeof options.servers === 'string'
      ? parseServers(options.servers)
      : { servers: options.servers, chroot: '' };
  if (servers.length === 0)
    throw new BadArgumentsError(ErrorCode.badArguments, 'expected at least one server');
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
  return {
    servers,
    chroot: options.chroot === undefined ? chroot : normalizeChroot(options.chroot),
    tls: options.tls,
    auth: [...(options.auth ?? [])],
    sessionTimeoutMs,
    connectTimeoutMs: options.connectTimeoutMs ?? Math.max(1000, sessionTimeoutMs / 3 / servers.length),
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    backoff: options.backoff ?? { firstMs: 100, maxMs: 2000 },
    maxReplyBytes: options.maxReplyBytes ?? 32 * 1024 * 1024,
    maxRequestBytes: options.maxRequestBytes ?? 1024 * 1024,
  };
}
