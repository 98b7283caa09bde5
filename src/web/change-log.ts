import { randomBytes } from 'node:crypto';
import { nowS, type Clock } from '../clock.ts';
import { parseBuildId } from '../model/image.ts';
import { imageRecord } from './images.ts';
import { nodeJson, poolRecord, requestRecord } from './records.ts';
import type { Touched, Views } from '../operator/views.ts';

/** What changed within one tick, ready to be sent: one server-sent event. */
export interface Chunk {
  seq: number;
  bytes: Buffer;
}

/** The last changes, made into text once for all who listen. Nothing is made while nobody does. */
export interface ChangeLog {
  /** Identity of this log: `<epoch>-<seq>` is the id of an event. */
  readonly epoch: string;
  /** Of the latest chunk; the first one will be 1. */
  readonly seq: number;
  /** The chunk with this number; undefined when it is too old, or not there yet. */
  get(seq: number): Chunk | undefined;
  /** Calls after each new chunk; returns a function that ends this. */
  onChunk(listener: (chunk: Chunk) => void): () => void;
  close(): void;
}

export interface ChangeLogOptions {
  /** After the first change; short, so that a person sees it at once. */
  quietMs?: number;
  /** Between chunks under load. */
  busyMs?: number;
  /** What may be kept for those who come back or are slow. */
  keptBytes?: number;
  /** How long changes are recorded after the last listener has gone. */
  lingerMs?: number;
}

const DEFAULTS: Required<ChangeLogOptions> = {
  quietMs: 30,
  busyMs: 200,
  keptBytes: 8 * 2 ** 20,
  lingerMs: 60_000,
};

type Shown = 'nodes' | 'requests' | 'pools' | 'images';

export function createChangeLog(views: Views, clock: Clock, given: ChangeLogOptions = {}): ChangeLog {
  const { quietMs, busyMs, keptBytes, lingerMs } = { ...DEFAULTS, ...given };
  let epoch = randomBytes(6).toString('hex');
  const listeners = new Set<(chunk: Chunk) => void>();
  const dirty = new Map<string, [Shown, string]>();
  let chunks: Chunk[] = [];
  let bytes = 0;
  let seq = 0;
  let lastMs = 0;
  let cancelTimer: (() => void) | undefined;
  let cancelLinger: (() => void) | undefined;
  let endWatch: (() => void) | undefined;

  const mark = (collection: Shown, id: string) => {
    dirty.set(`${collection} ${id}`, [collection, id]);
    const sinceMs = clock.nowMs() - lastMs;
    cancelTimer ??= clock.after(sinceMs > busyMs ? quietMs : Math.max(quietMs, busyMs - sinceMs), flush);
  };
  const touched = ({ collection, change }: Touched) => {
    if (collection === 'nodes') {
      mark('nodes', change.id);
      const requestId = views.nodes.get(change.id)?.value.allocatedTo ?? '';
      if (views.requests.has(requestId)) mark('requests', requestId);
    } else if (collection === 'requests' || collection === 'decisions') {
      mark('requests', change.id);
    } else if (collection === 'pools') {
      mark('pools', change.id);
    } else if (collection !== 'components' && collection !== 'drains') {
      mark('images', parseBuildId(change.id).image);
    } else if (collection === 'drains') {
      for (const id of views.pools.keys()) mark('pools', id);
    }
  };
  const flush = () => {
    cancelTimer = undefined;
    lastMs = clock.nowMs();
    const facts = views.facts();
    const texts = [...dirty.values()].map(([collection, id]) => {
      const value = textOf(collection, id, views, facts, nowS(clock));
      return `{"collection":"${collection}","id":${JSON.stringify(id)},"value":${value ?? 'null'}}`;
    });
    dirty.clear();
    seq += 1;
    const event = `id: ${epoch}-${seq}\nevent: changes\ndata: [${texts.join(',')}]\n\n`;
    const chunk = { seq, bytes: Buffer.from(event) };
    chunks.push(chunk);
    bytes += chunk.bytes.length;
    while (bytes > keptBytes && chunks.length > 1) bytes -= chunks.shift()?.bytes.length ?? 0;
    for (const listener of [...listeners]) listener(chunk);
  };
  /** What happens from now on is not recorded, so that nobody may come back to what was. */
  const rest = () => {
    endWatch?.();
    endWatch = undefined;
    cancelTimer?.();
    cancelTimer = undefined;
    dirty.clear();
    chunks = [];
    bytes = 0;
    epoch = randomBytes(6).toString('hex');
  };

  return {
    get epoch() {
      return epoch;
    },
    get seq() {
      return seq;
    },
    get(wanted) {
      return chunks[wanted - (chunks[0]?.seq ?? 0)];
    },
    onChunk(listener) {
      cancelLinger?.();
      cancelLinger = undefined;
      endWatch ??= views.onChange(touched);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) cancelLinger ??= clock.after(lingerMs, rest);
      };
    },
    close() {
      listeners.clear();
      cancelLinger?.();
      rest();
    },
  };
}

/** Undefined: it is gone. */
function textOf(
  collection: Shown,
  id: string,
  views: Views,
  facts: ReturnType<Views['facts']>,
  now: number,
): string | undefined {
  if (collection === 'nodes') {
    const entry = views.nodes.get(id);
    return entry && nodeJson(entry);
  }
  if (collection === 'pools') {
    const entry = views.pools.get(id);
    return entry && JSON.stringify(poolRecord(entry, facts));
  }
  if (collection === 'images') {
    const record = imageRecord(id, views);
    return record && JSON.stringify(record);
  }
  const entry = views.requests.get(id);
  return entry && JSON.stringify(requestRecord(entry, facts, now));
}
