/** The code cache of scripts/fast-start.ts: what V8 compiles while people's commands run on a small state of each kind. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { silentLogger } from '../src/log.ts';
import { makeNode, nodeCodec, type Node } from '../src/model/node.ts';
import { makeRequest, requestCodec, type NodeRequest } from '../src/model/request.ts';
import { openEmbeddedStore } from '../src/store/embedded.ts';
import { openStandIn } from './zookeeper-stand-in.ts';

const OVERVIEW = ['--format', 'json', 'overview'];
/** What people wait for: each is run, and what V8 has compiled by the end of the last one is kept. */
const WARMED_UP = {
  embedded: [['image-build', 'debian'], ['list'], OVERVIEW],
  zookeeper: [['list'], OVERVIEW],
};

export async function writeCodeCache(command: string, directory: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'nodepool-build-'));
  const node = makeNode({ state: 'ready', type: ['debian'], provider: 'farm', pool: 'main' });
  const request = makeRequest({ nodeTypes: ['debian'] });
  const standIn = await openStandIn(
    new Map([
      ['/nodepool/nodes/0000000000', nodeCodec.encode(node)],
      ['/nodepool/requests/200-0000000000', requestCodec.encode(request)],
    ]),
  );
  try {
    await fillStateDirectory(join(work, 'state'), node, request);
    const filename = join(process.cwd(), directory, `${command}.script`);
    const yaml = {
      embedded: `state-dir: ${work}/state\n`,
      zookeeper: `zookeeper-servers: [{host: 127.0.0.1, port: ${standIn.port}}]\n`,
    };
    for (const place of ['embedded', 'zookeeper'] as const) {
      const config = join(work, `${place}.yaml`);
      await writeFile(config, `${yaml[place]}diskimages: [{name: debian, formats: [raw]}]\n`);
      for (const words of WARMED_UP[place])
        await promisify(execFile)(process.execPath, ['-e', CACHE_WRITER, filename, '-c', config, ...words]);
    }
  } finally {
    standIn.close();
    await rm(work, { recursive: true, force: true });
  }
}

async function fillStateDirectory(dir: string, node: Node, request: NodeRequest): Promise<void> {
  const store = await openEmbeddedStore({ dir, log: silentLogger });
  await store.nodes.create(node);
  await store.requests.create(request, { prefix: '200-' });
  await store.close();
}

const CACHE_WRITER = `
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const filename = process.argv[1];
const cache = filename + '.cache';
const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
const script = new (require('node:vm').Script)(readFileSync(filename, 'latin1'), { filename, cachedData });
process.on('exit', () => writeFileSync(cache, script.createCachedData()));
const own = { exports: {} };
script.runInThisContext()(createRequire(filename), filename, dirname(filename), own, own.exports);
own.exports.start();
`;
