import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Test } from 'tap';
import { until } from './poll.ts';

export interface StatsdServer {
  port: number;
  /** Everything that was sent, one key, value and type a line. */
  lines: string[];
  /** Resolves when a line fits. */
  heard(pattern: RegExp): Promise<void>;
}

/** Hears what is sent to statsd. */
export async function startStatsdServer(t: Test): Promise<StatsdServer> {
  const server = createSocket('udp4');
  const lines: string[] = [];
  server.on('message', (packet) => lines.push(...packet.toString().split('\n')));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return {
    port: server.address().port,
    lines,
    async heard(pattern) {
      const found = () => lines.some((line) => pattern.test(line));
      await until(found, { timeoutMs: 60_000, intervalMs: 100, what: String(pattern) });
    },
  };
}
