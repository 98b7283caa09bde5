/** ZooKeeper clients side by side: ours, and two from the package registry, behind one small interface. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '../src/zookeeper/index.ts';

export interface Peer {
  name: string;
  get(path: string): Promise<unknown>;
  create(path: string, data: Buffer): Promise<unknown>;
  remove(path: string): Promise<unknown>;
  close(): Promise<void>;
}

type Callback = (error: Error | null) => void;

/** As much of `node-zookeeper-client` as is used here. */
interface PlainClient {
  once(event: 'connected', listener: () => void): void;
  connect(): void;
  close(): void;
  getData(path: string, callback: Callback): void;
  create(path: string, data: Buffer, callback: Callback): void;
  remove(path: string, callback: Callback): void;
}

/** As much of `zookeeper` as is used here: its native part, without the wrapper that formats every call for its log. */
interface NativeClient {
  init(config: {
    connect: string;
    timeout: number;
    debug_level: number;
    host_order_deterministic: boolean;
  }): void;
  once(event: 'connect', listener: () => void): void;
  close(): void;
  native: {
    a_get(path: string, watch: boolean, callback: (code: number) => void): void;
    a_create(path: string, data: Buffer, flags: number, callback: (code: number) => void): void;
    a_delete_(path: string, version: number, callback: (code: number) => void): void;
  };
}

export async function openOurs(servers: string): Promise<Peer> {
  const client = await connect({ servers });
  return {
    name: 'this client',
    get: (path) => client.getData(path),
    create: (path, data) => client.create(path, data),
    remove: (path) => client.delete(path),
    close: () => client.close(),
  };
}

export async function openPlain(servers: string, directory: string): Promise<Peer> {
  const load = await install(directory, 'node-zookeeper-client');
  const { createClient } = load('node-zookeeper-client') as { createClient(servers: string): PlainClient };
  const client = createClient(servers);
  const connected = new Promise<void>((resolve) => client.once('connected', resolve));
  client.connect();
  await connected;
  const call = (start: (done: Callback) => void) =>
    new Promise<void>((resolve, reject) => {
      start((error) => (error ? reject(error) : resolve()));
    });
  return {
    name: 'node-zookeeper-client',
    get: (path) => call((done) => client.getData(path, done)),
    create: (path, data) => call((done) => client.create(path, data, done)),
    remove: (path) => call((done) => client.remove(path, done)),
    close: async () => client.close(),
  };
}

export async function openNative(servers: string, directory: string): Promise<Peer> {
  const load = await install(directory, 'zookeeper');
  const Client = load('zookeeper') as new () => NativeClient;
  const client = new Client();
  const connected = new Promise<void>((resolve) => client.once('connect', resolve));
  client.init({ connect: servers, timeout: 10_000, debug_level: 0, host_order_deterministic: false });
  await connected;
  const { native } = client;
  const call = (start: (done: (code: number) => void) => void) =>
    new Promise<void>((resolve, reject) => {
      start((code) => (code === 0 ? resolve() : reject(new Error(`code ${code}`))));
    });
  return {
    name: 'zookeeper (native)',
    get: (path) => call((done) => native.a_get(path, false, done)),
    create: (path, data) => call((done) => native.a_create(path, data, 0, done)),
    remove: (path) => call((done) => native.a_delete_(path, -1, done)),
    close: async () => client.close(),
  };
}

/** Installs into a directory of its own and returns its `require`. */
async function install(directory: string, name: string): Promise<NodeJS.Require> {
  const manifest = join(directory, 'package.json');
  await writeFile(manifest, '{ "private": true }');
  const flags = ['--no-audit', '--no-fund', '--loglevel=error'];
  // What npm passes to its own scripts, such as this program, is meant for this repository.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('npm_')));
  await promisify(execFile)('npm', ['install', ...flags, name], { cwd: directory, env, timeout: 300_000 });
  return createRequire(manifest);
}
