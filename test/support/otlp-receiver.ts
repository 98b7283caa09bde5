/** What a collector is to those who send traces: `POST /v1/traces`, OTLP as JSON. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface ReceivedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  /** Unix seconds. */
  startS: number;
  endS: number;
  attributes: Record<string, unknown>;
  /** Of a span that failed. */
  error: string | undefined;
  serviceName: unknown;
}

export interface OtlpReceiver {
  url: string;
  spans: ReceivedSpan[];
  headers: IncomingHttpHeaders[];
  /** Resolves when `found` answers something about the spans. */
  wait<R>(found: (spans: readonly ReceivedSpan[]) => R | undefined | false, what: string): Promise<R>;
}

type Value = { stringValue?: string; intValue?: number | string; arrayValue?: { values: Value[] } };
type Attributes = { key: string; value: Value }[];
interface Export {
  resourceSpans: {
    resource: { attributes: Attributes };
    scopeSpans: {
      spans: {
        name: string;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes: Attributes;
        status: { code: number; message?: string };
      }[];
    }[];
  }[];
}

const WAIT_MS = 30_000;

/** @param isHanging takes connections and never answers. */
export async function startOtlpReceiver(t: Test, { isHanging = false } = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    headers.push(request.headers);
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      spans.push(...spansOf(JSON.parse(text) as Export));
      for (const look of waiting) look();
      if (!isHanging) response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    wait: (found, what) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const result = found(spans);
          if (result === undefined || result === false) return;
          waiting.delete(look);
          clearTimeout(timer);
          resolve(result);
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          const names = spans.map(({ name }) => name).join(', ');
          reject(new Error(`waited ${WAIT_MS} ms in vain for ${what}; there are ${names}`));
        }, WAIT_MS);
        waiting.add(look);
        look();
      }),
  };
}

function spansOf({ resourceSpans }: Export): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        startS: Number(span.startTimeUnixNano) / 1e9,
        endS: Number(span.endTimeUnixNano) / 1e9,
        attributes: plain(span.attributes),
        error: span.status.code === 2 ? (span.status.message ?? '') : undefined,
        serviceName: plain(resource.attributes)['service.name'],
      })),
    ),
  );
}

function plain(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue({ stringValue, intValue, arrayValue }: Value): unknown {
  return arrayValue ? arrayValue.values.map(plainValue) : (stringValue ?? Number(intValue));
}
