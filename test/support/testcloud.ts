/** The real OpenStack of `test/support/testcloud/`, which `npm run test:openstack` starts and stops. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { parse } from 'yaml';
import { systemClock } from '../../src/clock.ts';
import type { Driver } from '../../src/driver/driver.ts';
import { silentLogger } from '../../src/log.ts';
import { readCloud } from '../../src/openstack/cloud.ts';
import { parseClouds, readCloudFiles } from '../../src/openstack/clouds-file.ts';
import { createOpenstackDriver } from '../../src/openstack/driver.ts';
import { openHttp } from '../../src/openstack/http.ts';
import type { Section } from '../../src/openstack/section.ts';
import { openSession, type Session } from '../../src/openstack/session.ts';
import { until } from './poll.ts';
import { tempDir } from './temp.ts';

/** The path of its clouds.yaml; undefined when it does not run. */
export const cloudsFile = process.env['TESTCLOUD_CLOUDS'];

export const skip = cloudsFile === undefined && 'no test cloud runs: npm run test:openstack starts one';

const surroundings = { env: { OS_CLIENT_CONFIG_FILE: cloudsFile }, cwd: '/nowhere', home: '/nowhere' };

/** `edit` changes the text of clouds.yaml for this driver alone. */
export function cloudDriver(t: Test, edit?: (text: string) => string): Driver {
  if (edit === undefined) return createOpenstackDriver({ surroundings, userAgent: 'nodepool/test' });
  const file = join(tempDir(t), 'clouds.yaml');
  writeFileSync(file, edit(readFileSync(cloudsFile ?? '', 'utf8')));
  const own = { ...surroundings, env: { OS_CLIENT_CONFIG_FILE: file } };
  return createOpenstackDriver({ surroundings: own, userAgent: 'nodepool/test' });
}

/** Nodes are reached by their private address, which needs no floating IP. */
export const inside = (text: string): string =>
  text.replaceAll('region_name:', 'private: true\n    region_name:');

/** How one logs in to a cloud of clouds.yaml with a name and a password. */
export function authOf(cloud: string): { auth_url: string; password: string } {
  const file = parse(readFileSync(cloudsFile ?? '', 'utf8')) as {
    clouds: Record<string, { auth: { auth_url: string; password: string } } | undefined>;
  };
  const auth = file.clouds[cloud]?.auth;
  if (!auth) throw new Error(`clouds.yaml has no ${cloud}`);
  return auth;
}

export interface Account {
  session: Session;
  /** The things of a list: `list('compute', '/servers/detail', 'servers')`. */
  list(service: 'compute' | 'network' | 'volume' | 'image', path: string, key: string): Promise<Section[]>;
}

/** A second pair of eyes on the cloud: `testcloud`, or `testcloud-admin`. */
export async function openAccount(t: Pick<Test, 'teardown'>, cloud = 'testcloud'): Promise<Account> {
  const described = readCloud(parseClouds(await readCloudFiles(surroundings), surroundings), {
    cloud,
    region: undefined,
    home: '/',
    forceIpv4: false,
  });
  const deps = {
    log: silentLogger,
    clock: systemClock,
    userAgent: 'test',
    paceOf: () => ({ turn: () => Promise.resolve() }),
  };
  const session = openSession(described, await openHttp(described, deps), {
    clock: systemClock,
    onTrouble: () => undefined,
  });
  t.teardown(() => session.close());
  return {
    session,
    list: (service, path, key) => session.list({ service, path, key, signal: AbortSignal.timeout(60_000) }),
  };
}

/** Sends a signal to one of the cloud's services: `signalService('nova-api', 'SIGSTOP')`. */
export async function signalService(name: string, signal: NodeJS.Signals): Promise<void> {
  process.kill(-(await leaderOf(name)), signal);
}

/** Ends one of the cloud's services with all its processes; the function that comes back starts it again. */
export async function stopService(name: string): Promise<() => Promise<void>> {
  const leader = await leaderOf(name);
  const read = async (file: string) => (await readFile(`/proc/${leader}/${file}`, 'utf8')).split('\0');
  const [[program = '', ...args], variables] = await Promise.all([read('cmdline'), read('environ')]);
  process.kill(-leader, 'SIGKILL');
  await until(() => !isThere(-leader), { timeoutMs: 60_000, what: `${name} to end` });
  return async () => {
    const env = Object.fromEntries(
      variables.map((text) => text.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
    const child = spawn(program, args.slice(0, -1), { env, detached: true, stdio: 'ignore' });
    await once(child, 'spawn');
    child.unref();
    const [, rest = ''] = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(/\) (.*)/s);
    await writeFile(pidFile(name), `${child.pid} ${rest.split(' ')[19]}\n`); // as `stop` wants it: with the start time
  };
}

const pidFile = (name: string) => join(cloudsFile ?? '', '..', 'run', `${name}.pid`);

async function leaderOf(name: string): Promise<number> {
  const [pid = ''] = (await readFile(pidFile(name), 'utf8')).split(' ');
  return Number(pid);
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
