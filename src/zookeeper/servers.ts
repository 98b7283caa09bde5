import { BadArgumentsError, ErrorCode } from './errors.ts';
import { checkPath } from './paths.ts';

export interface Server {
  host: string;
  port: number;
}

/** Servers and the path that all others are relative to (`''` for none). */
export interface Ensemble {
  servers: Server[];
  chroot: string;
}

/**
 * Reads `a:2181,[::1]:2182,c/chroot`. A chroot may also stand behind every server, if it is the same one.
 * Ports default to `defaultPort`.
 */
export function parseServers(text: string, defaultPort = 2181): Ensemble {
  const servers: Server[] = [];
  const chroots: string[] = [];
  for (const part of text.split(',').map((item) => item.trim())) {
    const slash = part.indexOf('/');
    if (slash >= 0) chroots.push(normalizeChroot(part.slice(slash)));
    servers.push(parseServer(slash >= 0 ? part.slice(0, slash) : part, defaultPort));
  }
  const different = chroots.find((chroot) => chroot !== chroots[0]);
  if (different !== undefined) {
    throw invalid(text, `one chroot for all servers, not ${chroots[0] || '/'} and ${different || '/'}`);
  }
  return { servers, chroot: chroots[0] ?? '' };
}

/** `/a/` → `/a`, `/` → `''` */
export function normalizeChroot(chroot: string): string {
  const trimmed = chroot.replace(/\/+$/, '');
  if (trimmed !== '') checkPath(trimmed);
  return trimmed;
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatServer({ host, port }: Server): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseServer(text: string, defaultPort: number): Server {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (!host) {
    const hint = text.split(':').length > 2 ? 'an IPv6 address in brackets, [::1]:2181' : 'host:port';
    throw invalid(text, hint);
  }
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (port < 1 || port > 65535) throw invalid(text, 'a port from 1 to 65535');
  return { host, port };
}

function invalid(found: string, expected: string): BadArgumentsError {
  return new BadArgumentsError(
    ErrorCode.badArguments,
    `server list: expected ${expected}, found ${JSON.stringify(found)}`,
  );
}
