/**
 * Counts the calls that a client makes to the services of a cloud, whichever client it is: one HTTP proxy in front of each.
 * Clients find them because Keystone's answers name the proxies instead of the services.
 */
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { atEnd } from './clean-up.ts';

export interface CountingProxy {
  /** For clouds.yaml, instead of Keystone's own. */
  authUrl: string;
  /** Since the last time it was asked: `compute GET /servers/detail` → 12. */
  take(): Map<string, number>;
}

interface Catalog {
  token: { catalog: { type: string; endpoints: { url: string }[] }[] };
}

export async function startCountingProxy(authUrl: string): Promise<CountingProxy> {
  /** Of services → of the proxies in front of them. */
  const origins = new Map<string, string>();
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  let calls = new Map<string, number>();

  const openFor = async (origin: string, service: string): Promise<void> => {
    if (origins.has(origin)) return;
    const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
      const name = `${service} ${incoming.method ?? ''} ${kindOfPath(incoming.url ?? '')}`;
      calls.set(name, (calls.get(name) ?? 0) + 1);
      answer(incoming, origin)
        .then(({ status, headers, body }) => outgoing.writeHead(status, headers).end(body))
        .catch(() => outgoing.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origins.set(origin, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    atEnd(`proxy of ${service}`, () => {
      server.closeAllConnections();
      server.close();
    });
  };

  const answer = async (incoming: IncomingMessage, origin: string) => {
    const sent = request(new URL(incoming.url ?? '/', origin), {
      method: incoming.method ?? 'GET',
      agent,
      headers: { ...incoming.headers, host: new URL(origin).host },
    });
    incoming.pipe(sent);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const body = await translate(response.headers, await buffer(response));
    const headers: IncomingHttpHeaders = { ...response.headers, 'content-length': String(body.length) };
    delete headers['transfer-encoding'];
    delete headers.connection;
    return { status: response.statusCode ?? 502, headers, body };
  };

  const translate = async (headers: IncomingHttpHeaders, body: Buffer): Promise<Buffer> => {
    if (!/json/.test(headers['content-type'] ?? '')) return body;
    let text = body.toString();
    if (text.startsWith('{"token"')) {
      for (const { type, endpoints } of (JSON.parse(text) as Catalog).token.catalog)
        for (const { url } of endpoints) await openFor(new URL(url).origin, type);
    }
    for (const [service, proxy] of origins) text = text.replaceAll(service, proxy);
    return Buffer.from(text);
  };

  const { origin, pathname } = new URL(authUrl);
  await openFor(origin, 'identity');
  atEnd('connections of the proxies', () => agent.destroy());
  return {
    authUrl: `${origins.get(origin) ?? ''}${pathname}`,
    take() {
      const taken = calls;
      calls = new Map();
      return taken;
    },
  };
}

/** `/v2.1/servers/6f0c…?x=y` → `/servers/ID` */
function kindOfPath(url: string): string {
  const path = url.replace(/\?.*$/, '').replace(/^\/v\d+(\.\d+)?(?=\/|$)/, '');
  return (
    path.replace(/(?<=\/)([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\/|$)/g, 'ID') || '/'
  );
}
