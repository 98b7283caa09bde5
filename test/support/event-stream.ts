/** Reads server-sent events, as a page does. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Test } from 'tap';

export interface StreamEvent {
  id: string;
  event: string;
  data: unknown;
}

export interface EventStream {
  events: StreamEvent[];
  /** The next event, or one that has come already, that fits. */
  wait(fits: (event: StreamEvent) => boolean, what?: string): Promise<StreamEvent>;
  close(): void;
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
  response: IncomingMessage;
}

const WAIT_MS = 20_000;

export async function openStream(t: Test, port: number, lastEventId?: string): Promise<EventStream> {
  const events: StreamEvent[] = [];
  const waiting = new Set<() => void>();
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const outgoing = httpRequest({ host: '127.0.0.1', port, path: '/api/v1/events', headers, agent: false });
  outgoing.end();
  t.teardown(() => outgoing.destroy());
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
  });
  if (response.statusCode !== 200) throw new Error(`the stream was refused with ${response.statusCode}`);
  outgoing.on('error', () => undefined);
  response.on('error', () => undefined);
  let text = '';
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = parseEvent(text.slice(0, end));
      if (event) events.push(event);
      text = text.slice(end + 2);
    }
    for (const look of [...waiting]) look();
  });
  return {
    events,
    response,
    ended: new Promise((resolve) => response.on('close', resolve)),
    close: () => void outgoing.destroy(),
    wait: (fits, what = fits.toString()) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`waited ${WAIT_MS} ms in vain for the event: ${what}`));
        }, WAIT_MS);
        const look = () => {
          const found = events.find(fits);
          if (!found) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Undefined for a comment. */
function parseEvent(text: string): StreamEvent | undefined {
  const fields = new Map(text.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
  const event = fields.get('event');
  if (event === undefined) return undefined;
  return { id: fields.get('id') ?? '', event, data: JSON.parse(fields.get('data') ?? 'null') as unknown };
}

/** Does a `changes` event tell this of a record? */
export function tells(
  event: StreamEvent,
  collection: string,
  id: string,
  fits: (value: Record<string, unknown> | null) => boolean,
): boolean {
  if (event.event !== 'changes') return false;
  const changes = event.data as { collection: string; id: string; value: Record<string, unknown> | null }[];
  return changes.some((change) => change.collection === collection && change.id === id && fits(change.value));
}
