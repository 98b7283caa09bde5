/**
 * `/api/v1/events`: what changes, as server-sent events. A client that comes back with `Last-Event-ID` gets what it has
 * missed, or `reset` when that is not known any more; then it reads the lists again.
 *
 * A client has no queue of its own, only a place in the common log, so a thousand slow ones take no more memory than a few.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import { HttpError, SECURITY_HEADERS, type Handler } from './answer.ts';
import type { ChangeLog, Chunk } from './change-log.ts';

export interface EventsOptions {
  log: ChangeLog;
  clock: Clock;
  /** More streams than this get 503. */
  most?: number;
  /** How often a silent stream says something, so that a dead connection is noticed. */
  beatMs?: number;
  /** A client that takes nothing for so long is cut off. */
  patienceMs?: number;
}

export interface Events {
  handler: Handler;
  /** Streams that are open. */
  readonly count: number;
  close(): void;
}

interface Client {
  response: ServerResponse;
  /** Of the last chunk that was written. */
  seq: number;
  /** When it stopped reading; undefined while it reads. */
  blockedSinceMs: number | undefined;
}

export function createEvents(options: EventsOptions): Events {
  const { log, clock, most = 2_000, beatMs = 15_000, patienceMs = 45_000 } = options;
  const clients = new Set<Client>();
  let endListening: (() => void) | undefined;
  let beat: NodeJS.Timeout | undefined;

  const write = (client: Client, text: string | Buffer) => {
    if (!client.response.write(text)) client.blockedSinceMs = clock.nowMs();
  };
  const catchUp = (client: Client) => {
    client.blockedSinceMs = undefined;
    while (client.seq < log.seq && client.blockedSinceMs === undefined) {
      const chunk = log.get(client.seq + 1);
      client.seq = chunk?.seq ?? log.seq;
      write(client, chunk?.bytes ?? notice('reset', log));
    }
  };
  const onChunk = (chunk: Chunk) => {
    for (const client of clients) {
      if (client.blockedSinceMs !== undefined) continue;
      client.seq = chunk.seq;
      write(client, chunk.bytes);
    }
  };
  const sayAlive = () => {
    const now = clock.nowMs();
    for (const client of clients) {
      if (client.blockedSinceMs === undefined) write(client, ': still here\n\n');
      else if (now - client.blockedSinceMs > patienceMs) client.response.destroy();
    }
  };
  const start = () => {
    endListening ??= log.onChunk(onChunk);
    beat ??= setInterval(sayAlive, beatMs).unref();
  };
  const stop = () => {
    endListening?.();
    endListening = undefined;
    clearInterval(beat);
    beat = undefined;
  };

  return {
    get count() {
      return clients.size;
    },
    handler({ request, response, query }) {
      if (request.method === 'HEAD') throw new HttpError(405, 'expected GET, found HEAD');
      if (clients.size >= most) throw new HttpError(503, `${most} streams are open already`);
      start();
      const given = request.headers['last-event-id'] ?? query.get('last_event_id') ?? undefined;
      const resumed = resumeAt(typeof given === 'string' ? given : undefined, log);
      const client: Client = { response, seq: resumed ?? log.seq, blockedSinceMs: undefined };
      response.writeHead(200, {
        ...SECURITY_HEADERS,
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      clients.add(client);
      response.on('drain', () => catchUp(client));
      response.on('close', () => {
        clients.delete(client);
        if (clients.size === 0) stop();
      });
      response.on('error', () => response.destroy());
      response.socket?.setKeepAlive(true, beatMs);
      write(
        client,
        notice(given !== undefined && resumed === undefined ? 'reset' : 'hello', log, client.seq),
      );
      if (client.blockedSinceMs === undefined) catchUp(client);
      return undefined;
    },
    close() {
      stop();
      for (const { response } of clients) response.destroy();
    },
  };
}

function notice(event: 'hello' | 'reset', { epoch, seq }: ChangeLog, at = seq): string {
  return `id: ${epoch}-${at}\nevent: ${event}\ndata: {}\n\n`;
}

/** Undefined: nothing is known that could be continued. */
function resumeAt(id: string | undefined, log: ChangeLog): number | undefined {
  const [, epoch, number] = /^([0-9a-f]+)-(\d{1,15})$/.exec(id ?? '') ?? [];
  const seq = Number(number);
  if (epoch !== log.epoch || seq > log.seq) return undefined;
  return seq === log.seq || log.get(seq + 1) !== undefined ? seq : undefined;
}
