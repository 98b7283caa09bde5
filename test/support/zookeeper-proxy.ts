/** A TCP proxy in front of a ZooKeeper server that loses, delays and changes things. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Proxy {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** How many requests with this opcode came by (pings and the hand-shake are not counted). */
  requests(opcode: number): number;
  /** Closes all connections; new ones are accepted. */
  cut(): void;
  /** Refuses new connections and closes those that exist, until `accept`. */
  refuse(): void;
  accept(): void;
  /** Keeps the connections, and lets nothing through in either direction, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Keeps back what clients ask, until `thaw`; what servers say still comes through. */
  holdRequests(): void;
  /** From now on each request comes to the server so long after the one before. */
  space(pauseMs: number): void;
  /** Accepts the next connection, and never answers on it. */
  ignoreNext(): void;
  /** Lets the next request with this opcode through to the server, but cuts instead of passing the answer on. */
  loseAnswerTo(opcode: number): void;
  /** As a server that is too old to know these requests. */
  forget(...opcodes: number[]): void;
  close(): Promise<void>;
}

/** A number that no server knows. */
const unknownOpcode = 99;

export interface ProxyOptions {
  /** An address of this machine; 127.0.0.1 unless given. */
  host?: string;
  /** Passes bytes on without looking at them, for TLS. */
  isOpaque?: boolean;
}

/** Starts a proxy on a free port. */
export async function startProxy(
  targetPort: number,
  { host = '127.0.0.1', isOpaque = false }: ProxyOptions = {},
): Promise<Proxy> {
  const pairs = new Set<{ client: net.Socket; server: net.Socket }>();
  const forgotten = new Set<number>();
  const counts = new Map<number, number>();
  let isRefusing = false;
  let isFrozen = false;
  let losing: number | undefined;
  let pauseMs = 0;
  let isIgnoring = false;
  const ignored = new Set<net.Socket>();

  const cut = () => {
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
  };

  const onClient = (client: net.Socket) => {
    if (isRefusing) return void client.destroy();
    if (isIgnoring) {
      isIgnoring = false;
      ignored.add(client.on('error', () => undefined).resume());
      return;
    }
    const pair = { client, server: net.connect(targetPort, '127.0.0.1') };
    const { server } = pair;
    let isLosing = false;
    let passing = Promise.resolve();
    pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
      if (isFrozen) socket.pause();
    }
    server.on('data', (chunk) => (isLosing ? client.destroy() : client.write(chunk)));
    if (isOpaque) return void client.on('data', (chunk) => server.write(chunk));
    onFrames(client, (frame, isFirst) => {
      const opcode = frame.readInt32BE(8);
      if (!isFirst) {
        counts.set(opcode, (counts.get(opcode) ?? 0) + 1);
        if (forgotten.has(opcode)) frame.writeInt32BE(unknownOpcode, 8);
        if (opcode === losing) {
          isLosing = true;
          losing = undefined;
        }
      }
      if (pauseMs === 0) server.write(frame);
      else passing = passing.then(() => sleep(pauseMs)).then(() => void server.write(frame));
    });
  };

  const listener = net.createServer(onClient).listen(0, host);
  await once(listener, 'listening');
  const { port } = listener.address() as net.AddressInfo;
  const eachSocket = (act: (socket: net.Socket) => void) => {
    for (const { client, server } of pairs) [client, server].forEach(act);
  };
  return {
    port,
    address: `127.0.0.1:${port}`,
    requests: (opcode) => counts.get(opcode) ?? 0,
    cut,
    refuse() {
      isRefusing = true;
      cut();
    },
    accept: () => void (isRefusing = false),
    freeze() {
      isFrozen = true;
      eachSocket((socket) => socket.pause());
    },
    holdRequests: () => pairs.forEach(({ client }) => client.pause()),
    thaw() {
      isFrozen = false;
      eachSocket((socket) => socket.resume());
    },
    space: (ms) => void (pauseMs = ms),
    ignoreNext: () => void (isIgnoring = true),
    loseAnswerTo: (opcode) => void (losing = opcode),
    forget: (...opcodes) => opcodes.forEach((opcode) => forgotten.add(opcode)),
    async close() {
      cut();
      for (const client of ignored) client.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** Calls for each whole frame that arrives, with its length in front. */
function onFrames(socket: net.Socket, onFrame: (frame: Buffer, isFirst: boolean) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  let isFirst = true;
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0);
      onFrame(Buffer.from(rest.subarray(0, size)), isFirst);
      rest = rest.subarray(size);
      isFirst = false;
    }
  });
}
