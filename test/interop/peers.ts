/**
 * The Python programs that share a ZooKeeper with ours, from PyPI in a virtual environment that is made once and kept in
 * `node_modules/.cache`. NODEPOOL_TEST_PEERS names another one to use as it is.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The newest release of each; kazoo in the version that Nodepool asks for, and cachetools, which it forgets to ask for. */
const packages = {
  kazoo: ['kazoo==2.9.0'],
  nodepool: ['nodepool==11.0.0', 'cachetools==8.0.2'],
  zuul: ['zuul==14.3.0', 'zuul-client==14.0.0', 'PyMySQL==1.2.4'],
} as const;

const cache = fileURLToPath(new URL('../../node_modules/.cache/python-peers/', import.meta.url));

/** Nodepool has many dependencies; a slow mirror must not look like a hang. */
const INSTALL_MS = 10 * 60_000;

export interface Peers {
  python: string;
  /** A program of the environment: `nodepool-launcher`. */
  program(name: string): string;
}

/** The environment with a peer in it, or the reason why it cannot be had here. */
export async function installPeers(peer: keyof typeof packages): Promise<Peers | string> {
  const given = process.env['NODEPOOL_TEST_PEERS'];
  if (given !== undefined) return peersIn(given);
  const place = join(cache, peer);
  const mark = join(cache, `${peer}.installed`); // an environment without it is half made
  if (existsSync(mark)) return peersIn(place);
  try {
    await rm(place, { recursive: true, force: true });
    await mkdir(cache, { recursive: true });
    await run('python3', ['-m', 'venv', place], { timeout: INSTALL_MS });
    const options = ['--quiet', '--disable-pip-version-check', '--no-input'];
    await run(join(place, 'bin/pip'), ['install', ...options, ...packages[peer]], { timeout: INSTALL_MS });
    await writeFile(mark, '');
    return peersIn(place);
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    return `${peer} cannot be installed from PyPI: ${String(error).split('\n')[0]}`;
  }
}

/**
 * An older release of a peer on top of the dependencies of the newest, as most of its own cannot be installed any more.
 * Returns the environment variables with which Python takes it, or the reason why it cannot be had here.
 */
export async function installRelease(
  { python }: Peers,
  release: `${keyof typeof packages}==${string}`,
): Promise<Record<string, string> | string> {
  const place = join(cache, release);
  if (existsSync(place)) return { PYTHONPATH: place };
  const unfinished = `${place}.part`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-deps'];
    await run(python, ['-m', 'pip', 'install', ...options, '--target', unfinished, release], {
      timeout: INSTALL_MS,
    });
    await rename(unfinished, place);
    return { PYTHONPATH: place };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    return `${release} cannot be installed from PyPI: ${String(error).split('\n')[0]}`;
  }
}

/** The Ansible versions that Zuul's executors run jobs with, in a directory; or the reason why not. Takes minutes. */
export async function installAnsible({ program }: Peers): Promise<{ ansibleRoot: string } | string> {
  const ansibleRoot = join(cache, 'zuul-ansible');
  try {
    await run(program('zuul-manage-ansible'), ['-r', ansibleRoot], { timeout: 2 * INSTALL_MS });
    return { ansibleRoot };
  } catch (error) {
    return `Ansible for Zuul cannot be installed from PyPI: ${String(error).split('\n')[0]}`;
  }
}

function peersIn(place: string): Peers {
  return { python: join(place, 'bin/python'), program: (name) => join(place, 'bin', name) };
}
