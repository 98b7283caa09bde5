import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Router } from './router.ts';

export interface ListenOptions {
  /** 0: any free port. */
  port: number;
  /** Where the port is configured, for messages: `webapp.port`. */
  portKey: string;
  listenAddress: string;
  log: Logger;
  clock: Clock;
}

export interface WebServer {
  /** Resolves when it listens; the address of the moment. */
  listening: Promise<AddressInfo>;
  /** Stops listening and cuts what is open. */
  close(): Promise<void>;
}

/** A header of this size is refused with 431. */
const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
/** Longer than the idle time of usual proxies, so that it is they who close. */
const KEEP_ALIVE_MS = 75_000;
const MAX_CONNECTIONS = 4_000;
const RETRY_MS = 5_000;

/**
 * Listens, and goes on trying where that is not possible: a port that is taken is told once, and costs the rest of the
 * process nothing.
 */
export function serveWeb(router: Router, options: ListenOptions): WebServer {
  const { log, clock } = options;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      noDelay: true,
    },
    (request, response) => void router.handle(request, response),
  );
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  let told: string | undefined;
  let cancelRetry: (() => void) | undefined;

  const listen = () => server.listen(options.port, options.listenAddress);
  server.on('error', (error: NodeJS.ErrnoException) => {
    const reason = explain(error, options);
    if (told !== reason) log.error('the web application cannot be served; trying again', { error: reason });
    told = reason;
    cancelRetry = clock.after(RETRY_MS, listen);
  });
  const listening = new Promise<AddressInfo>((resolve) => {
    server.on('listening', () => {
      const address = server.address() as AddressInfo;
      log.info('the web application is served', { address: address.address, port: address.port });
      resolve(address);
    });
  });
  listen();
  return {
    listening,
    async close() {
      cancelRetry?.();
      await closeServer(server);
    },
  };
}

function explain(error: NodeJS.ErrnoException, { port, portKey, listenAddress }: ListenOptions): string {
  const place = `${listenAddress}, port ${port}`;
  if (error.code === 'EADDRINUSE') return `${place} is taken by another program (${portKey})`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return `${listenAddress} is no address of this machine (webapp.listen_address)`;
  if (error.code === 'EACCES') return `no permission for ${place}`;
  return error.message;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
