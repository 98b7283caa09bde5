import net from 'node:net';

/** How long a connect to a socket of this machine may take; only a stopped process's full backlog is ever slow. */
const CONNECT_LIMIT_MS = 2000;

/**
 * A session is alive as long as somebody listens on its socket: the kernel ends that with the process, however it ends.
 * Resolves with the connection, `'dead'`, or `'unknown'` where it cannot be told, which must count as alive.
 */
export function connectTo(file: string): Promise<net.Socket | 'dead' | 'unknown'> {
  return new Promise((resolve) => {
    const socket = net.connect(file);
    socket.setTimeout(CONNECT_LIMIT_MS, () => finish('unknown'));
    socket.once('connect', () => finish(socket));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      finish(code === 'ECONNREFUSED' || code === 'ENOENT' ? 'dead' : 'unknown');
    });
    function finish(result: net.Socket | 'dead' | 'unknown') {
      socket.setTimeout(0);
      socket.on('error', () => undefined);
      if (result !== socket) socket.destroy();
      resolve(result);
    }
  });
}

/** True unless it is certain that the session's process is gone. */
export async function isAlive(file: string): Promise<boolean> {
  const result = await connectTo(file);
  if (result instanceof net.Socket) result.destroy();
  return result !== 'dead';
}

/** Starts to listen at once, within this call; look at `listening` to see whether it worked. */
export function listenOn(file: string): { server: net.Server; connections: Set<net.Socket>; error?: Error } {
  const connections = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    socket.unref();
    connections.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => connections.delete(socket));
    socket.resume();
  });
  const listener: { server: net.Server; connections: Set<net.Socket>; error?: Error } = {
    server,
    connections,
  };
  server.on('error', (error) => (listener.error = error));
  server.listen({ path: file, exclusive: true });
  server.unref();
  return listener;
}
