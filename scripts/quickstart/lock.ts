/** One quickstart at a time may look at what others do, and change it. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An abstract socket: a name without a file, which the kernel frees when this process ends in whatever way. */
const NAME = '\0nodepool-quickstart';
const PATIENCE_MS = 60_000;

export async function withLock<T>(work: () => T | Promise<T>): Promise<T> {
  const server = createServer();
  const endMs = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error('another quickstart has been busy for a minute');
    await sleep(50);
  }
  try {
    return await work();
  } finally {
    server.close();
    await once(server, 'close');
  }

  async function holds(): Promise<boolean> {
    server.listen(NAME);
    try {
      await once(server, 'listening');
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
      throw error;
    }
  }
}
