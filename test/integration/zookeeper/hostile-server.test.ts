import { once } from 'node:events';
import net from 'node:net';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { connect, ConnectError, TooLargeError, ZooKeeperClient } from '../../../src/zookeeper/index.ts';
import { JuteWriter } from '../../../src/zookeeper/wire/jute-writer.ts';

/** A server that greets properly and then sends whatever `answer` makes of each request. */
async function startFake(
  t: Test,
  answer: (xid: number, opcode: number) => Buffer | undefined,
  greeting = greet(),
) {
  const server = net.createServer((socket) => {
    let isFirst = true;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      if (isFirst) {
        isFirst = false;
        return void socket.write(greeting);
      }
      for (let at = 0; at + 12 <= chunk.length; at += 4 + chunk.readInt32BE(at)) {
        const reply = answer(chunk.readInt32BE(at + 4), chunk.readInt32BE(at + 8));
        if (reply) socket.write(reply);
        else socket.destroy();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  return `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

function greet({ withFlag = true } = {}): Buffer {
  const writer = new JuteWriter();
  writer.beginFrame();
  writer.int(0);
  writer.int(4000);
  writer.long(0x100n);
  writer.bytes(Buffer.alloc(16, 7));
  if (withFlag) writer.bool(false);
  writer.endFrame();
  return writer.take();
}

function frame(body: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(body.length);
  return Buffer.concat([head, body]);
}

function reply(xid: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(16);
  head.writeInt32BE(xid);
  head.writeBigInt64BE(1n, 4);
  return frame(Buffer.concat([head, body]));
}

t.test('answers of random bytes end in an error for the caller, never in a crash', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (random) => {
      let asked = 0;
      const address = await startFake(t, (xid) =>
        asked++ < 2 ? reply(xid, random) : reply(xid, Buffer.alloc(72)),
      );
      const client = new ZooKeeperClient({ servers: address, backoff: { firstMs: 1, maxMs: 2 } });
      const [data, names] = await Promise.allSettled([
        client.getData('/a', { timeoutMs: 3000 }),
        client.getChildren('/a', { timeoutMs: 3000 }),
      ]);
      for (const result of [data, names]) {
        if (result.status === 'rejected') t.match(result.reason, { code: Number });
      }
      await client.close({ timeoutMs: 1 });
    }),
    { numRuns: 25 },
  );
});

t.test('an answer over the limit fails its call and is not asked for again', async (t) => {
  let asked = 0;
  const address = await startFake(t, () => {
    asked++;
    return Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3]);
  });
  const client = new ZooKeeperClient({ servers: address });
  await t.rejects(client.getData('/huge'), { constructor: TooLargeError, message: /maxReplyBytes/ });
  t.equal(asked, 1);
  await client.close({ timeoutMs: 1 });
});

t.test('an answer out of order is not taken for another', async (t) => {
  let asked = 0;
  const address = await startFake(t, (xid) => reply(asked++ === 0 ? xid + 5 : xid, Buffer.alloc(72)));
  const client = new ZooKeeperClient({ servers: address });
  t.equal((await client.getData('/a')).data.length, 0);
  t.equal(asked, 2, 'asked again on a new connection');
  await client.close({ timeoutMs: 1 });
});

t.test('what is no ZooKeeper server, or a very old one, is told apart', async (t) => {
  const reasons: [Buffer, RegExp][] = [
    [
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      /an answer of 1213486160 bytes|not the ZooKeeper protocol/,
    ],
    [greet({ withFlag: false }), /older than 3\.4/],
    [frame(Buffer.alloc(3)), /not the ZooKeeper protocol/],
  ];
  for (const [greeting, expected] of reasons) {
    const servers = await startFake(t, () => undefined, greeting);
    await t.rejects(connect({ servers, timeoutMs: 300 }), { constructor: ConnectError, message: expected });
  }
});
