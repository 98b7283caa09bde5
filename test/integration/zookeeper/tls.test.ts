import { readFile, rename, writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import {
  type ClientOptions,
  connect,
  type TlsOptions,
  ZooKeeperClient,
} from '../../../src/zookeeper/index.ts';
import { until } from '../../support/poll.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { makeCertificates } from '../../support/zookeeper-certs.ts';
import { nextState, openClient } from '../../support/zookeeper-client.ts';
import { startProxy } from '../../support/zookeeper-proxy.ts';

t.test('mutual TLS with a real server', { skip: zookeeperMissing() }, async (t) => {
  const certs = await makeCertificates();
  t.teardown(certs.remove);
  const { ca, client } = certs;
  const zk = await startZooKeeper({ tls: certs.server });
  t.teardown(zk.stop);
  const [{ port, tlsPort }] = zk.servers;
  const refused = (test: Test, servers: string, tls: TlsOptions | undefined, reason: RegExp) =>
    expectFailure(test, { servers, ...(tls && { tls }) }, reason);

  t.test('works with a host name, an address, and PEM given as text', async (t) => {
    const byName = await openClient(t, `localhost:${tlsPort}`, { tls: { ca, ...client } });
    await byName.create('/a', 'x'.repeat(200_000));
    const byAddress = await openClient(t, `127.0.0.1:${tlsPort}`, {
      tls: { ca, ...client },
      chroot: byName.chroot,
    });
    t.equal((await byAddress.getData('/a')).data.length, 200_000);
    const text = {
      ca: await readFile(ca, 'utf8'),
      cert: await readFile(client.cert),
      key: await readFile(client.key, 'utf8'),
    };
    const byText = await openClient(t, `localhost:${tlsPort}`, { tls: text });
    const reads = Array.from({ length: 300 }, () => byText.exists('/'));
    t.ok((await Promise.all(reads)).every(Boolean));
  });

  t.test('resumes its session, with certificates renewed on disk meanwhile', async (t) => {
    const proxy = await startProxy(tlsPort, { isOpaque: true });
    t.teardown(proxy.close);
    const cert = `${client.cert}.renewed`;
    await writeFile(cert, await readFile(client.cert));
    const connected = await openClient(t, proxy.address, { tls: { ca, cert, key: client.key } });
    const { sessionId } = connected;
    await writeFile(`${cert}.new`, await readFile(client.cert));
    await rename(`${cert}.new`, cert);
    const back = nextState(connected, 'connected');
    proxy.cut();
    await back;
    t.equal(connected.sessionId, sessionId);
  });

  t.test('a server signed by another authority is refused', (t) =>
    refused(
      t,
      `localhost:${tlsPort}`,
      { ca: certs.wrongCa, ...client },
      /is not signed by the given CA; check tls\.ca/,
    ),
  );

  t.test('a name that the certificate does not carry is refused', async (t) => {
    const tls = { ca, ...client, serverName: 'elsewhere.example.org' };
    await refused(t, `localhost:${tlsPort}`, tls, /certificate is for another name.*elsewhere/);
  });

  t.test('without a client certificate, or with a wrong one, the server refuses', async (t) => {
    await refused(t, `localhost:${tlsPort}`, { ca }, /no client certificate is configured/);
    await refused(
      t,
      `localhost:${tlsPort}`,
      { ca, ...certs.foreignClient },
      /does not trust the client certificate/,
    );
    await refused(
      t,
      `localhost:${tlsPort}`,
      { ca, ...certs.expiredClient },
      /the client certificate has expired on/,
    );
  });

  t.test('TLS to a plain port and the reverse are told', async (t) => {
    await refused(t, `localhost:${port}`, { ca, ...client }, /does not speak TLS on this port/);
    await refused(t, `localhost:${tlsPort}`, undefined, /this port expects TLS/);
  });

  t.test('files that are missing or do not fit are named at once', async (t) => {
    const servers = `localhost:${tlsPort}`;
    await t.rejects(connect({ servers, tls: { ca: '/no/such/ca.pem' } }), {
      name: 'BadArgumentsError',
      message: /^tls\.ca: expected a readable PEM file, found \/no\/such\/ca\.pem/,
    });
    await t.rejects(connect({ servers, tls: { ca, cert: client.cert } }), /cert and key belong together/);
    await refused(
      t,
      servers,
      { ca, cert: client.cert, key: certs.foreignClient.key },
      /do not belong together/,
    );
  });
});

t.test('servers whose certificate is no good are refused', { skip: zookeeperMissing() }, async (t) => {
  const certs = await makeCertificates();
  t.teardown(certs.remove);
  const tls = { ca: certs.ca, ...certs.client };
  for (const [name, server, message] of [
    ['expired', certs.expiredServer, /the server's certificate has expired; renew it/],
    ['for another name', certs.misnamedServer, /certificate is for another name.*localhost/],
  ] as const) {
    t.test(name, async (t) => {
      const zk = await startZooKeeper({ tls: server });
      t.teardown(zk.stop);
      await expectFailure(t, { servers: `localhost:${zk.servers[0].tlsPort}`, tls }, message);
    });
  }
});

/** The client goes on trying, and gives this as the reason. */
async function expectFailure(test: Test, options: ClientOptions, reason: RegExp): Promise<void> {
  const client = new ZooKeeperClient({ ...options, backoff: { firstMs: 50, maxMs: 50 } });
  test.teardown(() => client.close());
  const tried = await until(() =>
    client.failures.find((failure) => !/not tried|so far/.test(failure.reason)),
  );
  test.match(tried.reason, reason);
  test.equal(client.state, 'connecting');
}
