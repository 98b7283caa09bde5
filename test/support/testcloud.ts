/** The real OpenStack of `test/support/testcloud/`, which `npm run test:openstack` starts and stops. */
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { systemClock } from '../../src/clock.ts';
import type { Driver } from '../../src/driver/driver.ts';
import { silentLogger } from '../../src/log.ts';
import { readCloud } from '../../src/openstack/cloud.ts';
import { readClouds } from '../../src/openstack/clouds-file.ts';
import { createOpenstackDriver } from '../../src/openstack/driver.ts';
import { openHttp } from '../../src/openstack/http.ts';
import type { Section } from '../../src/openstack/section.ts';
import { openSession, type Session } from '../../src/openstack/session.ts';
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

export interface Account {
  session: Session;
  /** The things of a list: `list('compute', '/servers/detail', 'servers')`. */
  list(service: 'compute' | 'network' | 'volume' | 'image', path: string, key: string): Promise<Section[]>;
}

/** A second pair of eyes on the cloud: `testcloud`, or `testcloud-admin`. */
export async function openAccount(t: Test, cloud = 'testcloud'): Promise<Account> {
  const described = readCloud(await readClouds(surroundings), {
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
  const file = join(cloudsFile ?? '', '..', 'run', `${name}.pid`);
  const [pid = ''] = (await readFile(file, 'utf8')).split(' ');
  process.kill(-Number(pid), signal);
}
