import net from 'node:net';
import tls, { type ConnectionOptions } from 'node:tls';
import type { Server } from '../servers.ts';

/**
 * Opens a TCP connection, or a TLS one if there are TLS options, whose server has proven its name. Rejects with the
 * socket's error, or with the signal's reason.
 */
export function openSocket(
  server: Server,
  {
    tlsOptions,
    serverName,
    signal,
  }: { tlsOptions?: ConnectionOptions; serverName?: string; signal: AbortSignal },
): Promise<net.Socket> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = tlsOptions
      ? tls.connect({ ...tlsOptions, ...server, ...nameToCheck(server, serverName) })
      : net.connect({ ...server });
    socket.setNoDelay(true);
    const done = (error?: Error) => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      if (error === undefined) return resolve(socket);
      // Errors that still come while it is torn down concern nobody.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onAbort = () => done(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once(tlsOptions ? 'secureConnect' : 'connect', () => done());
    socket.once('error', done);
    socket.once('close', () => done(new Error('the connection was closed while it was being opened')));
  });
}

/** Addresses are no server names in TLS; Node.js then checks the certificate against the address. */
function nameToCheck({ host }: Server, serverName: string | undefined): ConnectionOptions {
  if (serverName !== undefined) return { servername: serverName };
  return net.isIP(host) ? {} : { servername: host };
}
