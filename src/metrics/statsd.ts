import { createSocket } from 'node:dgram';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/** Sends numbers to a statsd server, by UDP, several in one packet. Nothing waits for it and nothing fails with it. */
export interface Statsd {
  gauge(key: string, value: number): void;
  count(key: string, value?: number): void;
  timing(key: string, ms: number): void;
  close(): Promise<void>;
}

/** Fits into one Ethernet frame. */
const MAX_PACKET_BYTES = 1_400;
const COLLECT_MS = 50;
const RETRY_MS = 30_000;
/** While the server's name cannot be resolved, what is newer than this many lines is dropped. */
const MAX_LINES = 5_000;

export function openStatsd({
  host,
  port,
  log,
  clock,
}: {
  host: string;
  port: number;
  log: Logger;
  clock: Clock;
}): Statsd {
  let socket = createSocket('udp4').unref();
  let lines: string[] = [];
  let connected = false;
  let closed = false;
  let told: string | undefined;
  let cancelFlush: (() => void) | undefined;
  let cancelRetry: (() => void) | undefined;

  const connect = () => {
    socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').unref();
    socket.on('error', (error) => fail(error));
    // Its type leaves out that the callback gets the error, too.
    socket.connect(port, host, (...[error]: [error?: Error | null]) => {
      if (error) return fail(error);
      connected = true;
      told = undefined;
      flush();
    });
  };
  const fail = (error: unknown) => {
    const reason = reasonOf(error);
    if (told !== reason) log.error('metrics cannot be sent to statsd', { host, port, error: reason });
    told = reason;
    if (connected || closed) return;
    cancelRetry ??= clock.after(RETRY_MS, () => {
      cancelRetry = undefined;
      if (closed) return;
      socket.close();
      connect();
    });
  };
  const flush = () => {
    cancelFlush = undefined;
    if (!connected || closed) return;
    for (const packet of packetsOf(lines)) socket.send(packet, () => undefined); // lost ones are lost
    lines = [];
  };
  const put = (line: string) => {
    if (closed || lines.length >= MAX_LINES) return;
    lines.push(line);
    cancelFlush ??= clock.after(COLLECT_MS, flush);
  };

  socket.close();
  connect();
  return {
    gauge: (key, value) => Number.isFinite(value) && put(`${clean(key)}:${value}|g`),
    count: (key, value = 1) => put(`${clean(key)}:${value}|c`),
    timing: (key, ms) => put(`${clean(key)}:${Math.round(ms)}|ms`),
    async close() {
      flush();
      closed = true;
      cancelFlush?.();
      cancelRetry?.();
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

/** What would end a key or a line early; dots are left alone, as they always were. */
function clean(key: string): string {
  return key.replace(/[:|@\s\p{Cc}]/gu, '_');
}

/** Lines, joined by newlines, in packets that fit. */
export function packetsOf(lines: readonly string[]): Buffer[] {
  const packets: string[] = [];
  let packet = '';
  for (const line of lines) {
    if (packet !== '' && Buffer.byteLength(packet) + 1 + Buffer.byteLength(line) > MAX_PACKET_BYTES) {
      packets.push(packet);
      packet = '';
    }
    packet += packet === '' ? line : `\n${line}`;
  }
  if (packet !== '') packets.push(packet);
  return packets.map((text) => Buffer.from(text));
}
