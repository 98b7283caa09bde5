import { fork, type ChildProcess, type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { Order } from './child.ts';
import type { Place } from './place.ts';

export interface Message {
  done?: unknown;
  failed?: string;
  seen?: [id: string, timeS: number | null];
  round?: number;
  kept?: string[];
}

/** Another process with the same store. */
export interface Child {
  process: ChildProcess;
  /** Resolves with the child's answer. */
  tell(order: Order): Promise<unknown>;
  onMessage(listener: (message: Message) => void): void;
  /** kill -9, and the end of it. */
  kill(): Promise<void>;
}

let program: string | undefined;

/** One file of plain JavaScript: the children are started and killed many times. It lies where packages are found. */
function bundleChild(): string {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const outfile = path.join(root, 'node_modules', '.cache', 'sf-nodepool', `store-child-${process.pid}.mjs`);
  const entry = fileURLToPath(new URL('child.ts', import.meta.url));
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
  });
  process.once('exit', () => fs.rmSync(outfile, { force: true }));
  return outfile;
}

/** Starts a process that opens the place with its first order. */
export function startChild(place: Place, options: ForkOptions = {}): Child {
  program ??= bundleChild();
  const child = fork(program, [JSON.stringify(place)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...options,
  });
  return {
    process: child,
    tell: (order) =>
      new Promise((resolve, reject) => {
        const onMessage = ({ done, failed }: Message) => {
          if (done === undefined && failed === undefined) return;
          end();
          if (failed === undefined) resolve(done);
          else reject(new Error(failed));
        };
        const onExit = () => {
          end();
          reject(new Error('the child has ended'));
        };
        const end = () => child.off('message', onMessage).off('exit', onExit);
        child.on('message', onMessage).on('exit', onExit);
        child.send(order);
      }),
    onMessage: (listener) => child.on('message', listener),
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
