import { fork, type ChildProcess, type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
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

/** Starts a process that opens the place with its first order. */
export function startChild(place: Place, options: ForkOptions = {}): Child {
  const child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), [JSON.stringify(place)], {
    execArgv: ['--import', 'tsx'],
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
