/** A ZooKeeper for clients that only read. It stands on this machine, for as long as a build runs. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { ErrorCode } from '../src/zookeeper/errors.ts';
import { FrameSplitter } from '../src/zookeeper/wire/frame-splitter.ts';
import { JuteReader } from '../src/zookeeper/wire/jute-reader.ts';
import { JuteWriter } from '../src/zookeeper/wire/jute-writer.ts';
import { OpCode } from '../src/zookeeper/wire/opcodes.ts';

/** `records`: `/nodepool/nodes/0000000000` → its data. What lies above them exists. */
export async function openStandIn(
  records: ReadonlyMap<string, string>,
): Promise<{ port: number; close(): void }> {
  const server = net.createServer((socket) => {
    const splitter = new FrameSplitter(2 ** 20);
    let isKnown = false;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      splitter.push(chunk);
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
        socket.write(isKnown ? answer(new JuteReader(frame), records) : welcome());
        isKnown = true;
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

function welcome(): Buffer {
  return frame((writer) => {
    writer.int(0);
    writer.int(10_000);
    writer.long(1n);
    writer.bytes(Buffer.alloc(16));
    writer.bool(false);
  });
}

function answer(request: JuteReader, records: ReadonlyMap<string, string>): Buffer {
  const [xid, opcode] = [request.int(), request.int()];
  const head = (writer: JuteWriter, code: number) => {
    writer.int(xid);
    writer.long(1n);
    writer.int(code);
  };
  if (opcode === OpCode.closeSession) return frame((writer) => head(writer, ErrorCode.ok));
  const path = request.string();
  const [data, names] = [records.get(path), namesBelow(path, records)];
  return frame((writer) => {
    if (opcode === OpCode.getData && data !== undefined) {
      head(writer, ErrorCode.ok);
      writer.data(data);
      // The 68 bytes of a Stat.
      for (let count = 0; count < 17; count += 1) writer.int(0);
    } else if (opcode === OpCode.getChildren && names.length > 0) {
      head(writer, ErrorCode.ok);
      writer.vector(names, (name) => writer.string(name));
    } else {
      head(writer, ErrorCode.noNode);
    }
  });
}

function namesBelow(path: string, records: ReadonlyMap<string, unknown>): string[] {
  const below = [...records.keys()].filter((record) => record.startsWith(`${path}/`));
  return [...new Set(below.map((record) => record.slice(path.length + 1).split('/')[0] ?? ''))];
}

function frame(write: (writer: JuteWriter) => void): Buffer {
  const writer = new JuteWriter();
  writer.beginFrame();
  write(writer);
  writer.endFrame();
  return writer.take();
}
