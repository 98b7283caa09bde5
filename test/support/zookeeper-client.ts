import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import {
  type ClientOptions,
  connect,
  type ConnectionState,
  type StateChange,
  type WatchEvent,
  type ZooKeeperClient,
} from '../../src/zookeeper/index.ts';

/** A connected client that is closed with the test. It has a chroot of its own unless told otherwise. */
export async function openClient(
  t: Test,
  servers: string,
  options: Partial<ClientOptions> = {},
): Promise<ZooKeeperClient> {
  const chroot = options.chroot ?? `/test-${randomBytes(6).toString('hex')}`;
  const client = await connect({ servers, sessionTimeoutMs: 6000, timeoutMs: 15_000, ...options, chroot });
  t.teardown(() => client.close());
  await client.ensureChroot();
  return client;
}

/** Resolves with the next change to this state. */
export function nextState(client: ZooKeeperClient, state: ConnectionState): Promise<StateChange> {
  return new Promise((resolve) => {
    const stop = client.onState((change) => {
      if (change.state !== state) return;
      stop();
      resolve(change);
    });
  });
}

/** A watch listener that can be waited for. */
export function hearing() {
  const events: WatchEvent[] = [];
  let wake: (() => void) | undefined;
  return {
    listener: (event: WatchEvent) => {
      events.push(event);
      wake?.();
    },
    /** The next event that has not been taken yet, as `created /a`. */
    async next(): Promise<string> {
      while (events.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const { type, path } = events.shift() as WatchEvent;
      return `${type} ${path}`;
    },
    get count() {
      return events.length;
    },
  };
}
