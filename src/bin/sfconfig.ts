#!/usr/bin/env node
/** The `sfconfig` command: reads the environment, wires, runs. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseOptions } from '../sfconfig/options.ts';
import { runSfconfig } from '../sfconfig/run.ts';
import { readVersion } from '../version.ts';
import { createDrivers } from './drivers.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
}
/** `sfconfig --check | head` is not an error. */
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  stop.abort(new Error(code === 'EPIPE' ? 'nobody reads the output any more' : code));
});

const io = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env };
const options = parseOptions(process.argv.slice(2), {
  version: readVersion(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
process.exitCode =
  'exitCode' in options
    ? options.exitCode
    : await runSfconfig(options, {
        io,
        signal: stop.signal,
        drivers: createDrivers(),
        share: options.share ?? findCollection(),
        nodepool: findNodepool(),
      });

/** In a package, and beside the sources. */
function findCollection(): string {
  const packaged = '/usr/share/nodepool/ansible_collections/softwarefactory/nodepool';
  const inSources = fileURLToPath(new URL('../../ansible', import.meta.url));
  return existsSync(join(inSources, 'galaxy.yml')) ? inSources : packaged;
}

/** The one that came with this program. */
function findNodepool(): string {
  const beside = join(dirname(fileURLToPath(import.meta.url)), 'nodepool.cjs');
  return existsSync(beside) ? beside : 'nodepool';
}
