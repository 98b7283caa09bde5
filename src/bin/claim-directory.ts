import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { realpathSync } from 'node:fs';
import { reasonOf, StoreError } from '../errors.ts';

/**
 * Makes sure that no other process of the same kind works in a directory. The claim is a socket in the abstract namespace
 * of Linux (unix(7)): it ends with this process, however that ends. Throws StoreError.
 */
export async function claimDirectory(kind: string, directory: string): Promise<{ release(): Promise<void> }> {
  const path = resolveDirectory(kind, directory);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(taken ? new StoreError(`another ${kind} works in ${path} already`) : error);
    });
    // The name of such a socket has 107 bytes at most.
    const digest = createHash('sha256').update(path).digest('hex').slice(0, 32);
    server.listen(`\0sf-nodepool/${kind}/${digest}`, () => resolve());
  });
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

function resolveDirectory(kind: string, directory: string): string {
  try {
    return realpathSync(directory);
  } catch (error) {
    throw new StoreError(`the ${kind} cannot work in ${directory}: ${reasonOf(error)}`, { cause: error });
  }
}
