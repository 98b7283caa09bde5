/**
 * Real ZooKeeper servers for tests: Debian's packages (`apt-get install zookeeper`), started here on free loopback ports
 * with a data directory of their own, alone or as an ensemble of three.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const java = '/usr/bin/java';
const jar = '/usr/share/java/zookeeper.jar';

/** Why there are no servers on this machine, or false: goes into `skip` of tests. */
export function zookeeperMissing(): string | false {
  const missing = [java, jar].find((path) => !existsSync(path));
  return missing === undefined ? false : `${missing} does not exist; install the package zookeeper`;
}

/** PEM files for the server side of TLS; see zookeeper-certs.ts. */
export interface ServerTls {
  /** Certificate and key in one file. */
  keyAndCert: string;
  ca: string;
}

export interface ZooKeeperServer {
  /** `127.0.0.1:port`, without TLS. */
  readonly address: string;
  readonly port: number;
  /** With TLS, when it was asked for. */
  readonly tlsPort: number;
  start(): Promise<void>;
  /** As a crash: SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP: keeps its connections, answers nothing. */
  pause(): void;
  resume(): void;
  /** `leader`, `follower`, `standalone`, or undefined while it does not serve. */
  mode(): Promise<string | undefined>;
  log(): Promise<string>;
}

export interface ZooKeeper {
  readonly servers: readonly [ZooKeeperServer, ...ZooKeeperServer[]];
  /** All of them, for clients. */
  readonly connectString: string;
  leader(): Promise<ZooKeeperServer>;
  /** Kills everything and removes the files. */
  stop(): Promise<void>;
}

export interface ZooKeeperOptions {
  count?: number;
  tls?: ServerTls;
  /** As in production: waits for the disk, has memory and a compiler. Slower to start. */
  isDurable?: boolean;
}

/** Starts one server, or `count` of them as an ensemble, and waits until they serve. */
export async function startZooKeeper({
  count = 1,
  tls,
  isDurable = false,
}: ZooKeeperOptions = {}): Promise<ZooKeeper> {
  const directory = await mkdtemp(join(tmpdir(), 'zookeeper-'));
  const ports = await freePorts(count * 4);
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const portsOf = (id: number) => ports.slice((id - 1) * 4, id * 4) as [number, number, number, number];
  const peers = ids.map((id) => `server.${id}=127.0.0.1:${portsOf(id)[2]}:${portsOf(id)[3]}`);
  const servers = await Promise.all(
    ids.map(async (id) => {
      const [port, tlsPort] = portsOf(id);
      const home = join(directory, String(id));
      await writeConfiguration(home, { id, port, tlsPort, peers: count > 1 ? peers : [], tls, isDurable });
      return makeServer({ home, port, tlsPort, hasTls: tls !== undefined, isDurable });
    }),
  );
  const stop = async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    servers: servers as [ZooKeeperServer, ...ZooKeeperServer[]],
    connectString: servers.map(({ address }) => address).join(','),
    async leader() {
      for (const server of servers) if ((await server.mode()) === 'leader') return server;
      throw new Error('none of the servers is the leader');
    },
    stop,
  };
}

async function writeConfiguration(
  home: string,
  options: {
    id: number;
    port: number;
    tlsPort: number;
    peers: string[];
    tls: ServerTls | undefined;
    isDurable: boolean;
  },
): Promise<void> {
  const { id, port, tlsPort, peers, tls, isDurable } = options;
  await mkdir(join(home, 'data'), { recursive: true });
  await writeFile(join(home, 'data', 'myid'), `${id}\n`);
  const secure = tls && [
    'serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
    `secureClientPort=${tlsPort}`,
    `ssl.keyStore.location=${tls.keyAndCert}`,
    'ssl.keyStore.type=PEM',
    `ssl.trustStore.location=${tls.ca}`,
    'ssl.trustStore.type=PEM',
    'ssl.clientAuth=need',
  ];
  const lines = [
    'tickTime=250',
    'initLimit=40',
    'syncLimit=20',
    'minSessionTimeout=500',
    'maxSessionTimeout=60000',
    'maxClientCnxns=0',
    `dataDir=${join(home, 'data')}`,
    `clientPort=${port}`,
    'clientPortAddress=127.0.0.1',
    'admin.enableServer=false',
    'extendedTypesEnabled=true',
    `forceSync=${isDurable ? 'yes' : 'no'}`,
    '4lw.commands.whitelist=srvr,mntr,wchp',
    ...(secure ?? []),
    ...peers,
  ];
  await writeFile(join(home, 'zoo.cfg'), lines.join('\n'));
}

function makeServer({
  home,
  port,
  tlsPort,
  hasTls,
  isDurable,
}: {
  home: string;
  port: number;
  tlsPort: number;
  hasTls: boolean;
  isDurable: boolean;
}): ZooKeeperServer {
  let child: ChildProcess | undefined;
  const logFile = join(home, 'log');
  const server: ZooKeeperServer = {
    address: `127.0.0.1:${port}`,
    port,
    tlsPort,
    async start() {
      child = spawnServer(home, logFile, isDurable);
      for (const deadline = Date.now() + 60_000; ; await sleep(50)) {
        // The port for TLS opens after the other one.
        if ((await server.mode()) && (!hasTls || (await isOpen(tlsPort)))) return;
        if (child.exitCode !== null || Date.now() > deadline) {
          throw new Error(`ZooKeeper did not start:\n${await server.log()}`);
        }
      }
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    mode: async () => /Mode: (\w+)/.exec(await ask(port, 'srvr'))?.[1],
    log: () => readFile(logFile, 'utf8').catch(() => ''),
  };
  return server;
}

function spawnServer(home: string, logFile: string, isDurable: boolean): ChildProcess {
  const quick = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
  const flags = isDurable ? ['-Xmx512m'] : quick;
  const logging = [
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showShortLogName=true',
  ];
  // The manifest of Debian's package lacks netty-codec, which TLS needs.
  const classPath = [jar, '/usr/share/java/netty-codec.jar', '/usr/share/java/slf4j-simple.jar'].join(':');
  const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
  const child = spawn(java, [...flags, ...logging, '-cp', classPath, main, join(home, 'zoo.cfg')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killAtExit = () => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  child.once('exit', () => process.off('exit', killAtExit));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => void appendFile(logFile, chunk).catch(() => undefined));
  }
  return child;
}

async function isOpen(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  const opened = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return opened;
}

/** The answer to a four-letter command, or nothing. */
export async function ask(port: number, command: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  socket.on('error', () => undefined);
  socket.setTimeout(2000, () => socket.destroy());
  socket.write(command);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
