/** A ZooKeeper over TLS, and places in it: for ours and for the Python Nodepool. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../src/log.ts';
import { openZooKeeperStore } from '../src/store/zookeeper.ts';
import { startZooKeeper } from '../test/support/zookeeper.ts';
import { makeCertificates } from '../test/support/zookeeper-certs.ts';
import { atEnd } from './clean-up.ts';
import { openRequestor, type Requestor } from './requestor.ts';

export interface Server {
  port: number;
  zookeeper: {
    servers: { host: string; port: number }[];
    chroot: string;
    tls: { cert: string; key: string; ca: string };
    sessionTimeoutMs: number;
  };
}

export async function startServer(): Promise<Server> {
  const certs = await makeCertificates();
  atEnd('certificates', certs.remove);
  const zk = await startZooKeeper({ tls: certs.server, isDurable: true });
  atEnd('ZooKeeper', zk.stop);
  const { port, tlsPort } = zk.servers[0];
  const servers = [{ host: 'localhost', port: tlsPort }];
  const tls = { ca: certs.ca, ...certs.client };
  return { port, zookeeper: { servers, chroot: '', tls, sessionTimeoutMs: 30_000 } };
}

export interface Place {
  directory: string;
  requestor: Requestor;
  /** The first lines of nodepool.yaml. */
  yaml: string;
}

/** @param patienceMs how long its requestor waits for a node, and for its end. */
export async function openPlace({ zookeeper }: Server, name: string, patienceMs?: number): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  atEnd(directory, () => rmSync(directory, { recursive: true, force: true }));
  const chroot = `/${name}`;
  const store = await openZooKeeperStore({ zookeeper: { ...zookeeper, chroot }, log: silentLogger });
  const sections = {
    'zookeeper-servers': zookeeper.servers.map((server) => ({ ...server, chroot })),
    'zookeeper-tls': zookeeper.tls,
  };
  const lines = Object.entries(sections).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
  const images = join(directory, 'images');
  mkdirSync(images); // the Python Nodepool wants one, even where it is not used
  return {
    directory,
    requestor: await openRequestor(store, patienceMs),
    yaml: `${lines.join('')}images-dir: ${images}\n`,
  };
}
