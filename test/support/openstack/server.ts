/**
 * A small OpenStack over HTTP inside the test process: it answers as Keystone, Nova, Neutron, Glance and Cinder of the
 * Zed release do, and can be told to answer badly.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { tempDir } from '../temp.ts';
import { answer } from './answers.ts';
import type { Reply } from './replies.ts';
import { makeWorld, type World } from './world.ts';

export interface Asked {
  method: string;
  /** Without host: `/compute/v2.1/servers`. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  /** Parsed JSON; the raw body where it is none. */
  body: unknown;
}

/**
 * How a call is answered badly: another reply, nothing at all (`hang`), a cut connection (`reset`), half an answer and then
 * a cut (`truncate`), or one byte now and then for ever (`trickle`).
 */
export type Fault = Reply | 'hang' | 'reset' | 'truncate' | 'trickle' | undefined;

export interface TestOpenstack {
  world: World;
  /** Every call so far. */
  asked: Asked[];
  /** Looked at before each answer; the test's to set. */
  fault: (call: Asked) => Fault;
  url: string;
  /** What `src/bin/` would pass: a home and a directory without anything, and clouds.yaml by its variable. */
  surroundings: { env: Record<string, string>; cwd: string; home: string };
  cloudsFile: string;
  /** Writes clouds.yaml again, with this over the entry. */
  writeClouds(changes?: Record<string, unknown>, auth?: Record<string, unknown>): void;
  count(method: string, path: RegExp): number;
}

export async function startOpenstack(t: Test): Promise<TestOpenstack> {
  const dir = tempDir(t);
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cloudsFile = join(dir, 'clouds.yaml');

  const cloud: TestOpenstack = {
    world: makeWorld(url),
    asked: [],
    fault: () => undefined,
    url,
    cloudsFile,
    surroundings: { env: { OS_CLIENT_CONFIG_FILE: cloudsFile }, cwd: dir, home: dir },
    writeClouds(changes = {}, auth = {}) {
      const account = { username: 'nodepool', password: 'right', project_name: 'ci', ...auth };
      const entry = {
        auth: {
          auth_url: `${url}/identity/v3`,
          user_domain_id: 'default',
          project_domain_id: 'default',
          ...account,
        },
        region_name: 'RegionOne',
        ...changes,
      };
      writeFileSync(cloudsFile, JSON.stringify({ clouds: { main: entry } }));
    },
    count: (method, path) =>
      cloud.asked.filter((call) => call.method === method && path.test(call.path)).length,
  };
  cloud.writeClouds();
  return cloud;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    const asked: Asked = {
      method: request.method ?? 'GET',
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body: undefined,
    };
    const early = pathname.endsWith('/file') ? cloud.fault(asked) : undefined;
    if (early === 'reset') return void request.socket.destroy();
    try {
      asked.body = readBody(await collect(request));
    } catch {
      return; // the client has gone
    }
    cloud.asked.push(asked);
    const fault = early ?? cloud.fault(asked);
    if (fault === 'hang') return;
    if (fault === 'reset') return void request.socket.destroy();
    send(response, typeof fault === 'object' ? fault : answer(cloud.world, asked), fault);
  }
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function readBody(raw: Buffer): unknown {
  if (raw.length === 0) return undefined;
  try {
    return JSON.parse(raw.toString()) as unknown;
  } catch {
    return raw;
  }
}

let requests = 0;

function send(response: ServerResponse, { status, headers, body }: Reply, fault: Fault): void {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': fault === 'trickle' ? 1_000_000 : Buffer.byteLength(text),
    'x-openstack-request-id': `req-${(requests += 1)}`,
    ...headers,
  });
  if (fault === 'truncate') {
    response.write(text.slice(0, text.length / 2));
    setImmediate(() => response.destroy());
  } else if (fault === 'trickle') {
    let sent = 0;
    const timer = setInterval(() => response.write(text.charAt((sent += 1) % text.length) || ' '), 50);
    response.on('close', () => clearInterval(timer));
  } else {
    response.end(text);
  }
}
