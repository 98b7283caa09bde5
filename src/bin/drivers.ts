/** Every driver that a configuration may name. */
import { homedir } from 'node:os';
import type { Driver } from '../driver/driver.ts';
import { directoryDriver } from '../directory/driver.ts';
import { createFakeDriver } from '../fake/driver.ts';
import { createOpenstackDriver } from '../openstack/driver.ts';
import { runcDriver } from '../runc/driver.ts';
import { staticDriver } from '../static/driver.ts';
import { readVersion } from '../version.ts';

/** One set a process: the fake driver keeps its instances in it. */
export function createDrivers(): Driver[] {
  const surroundings = { env: process.env, cwd: process.cwd(), home: homedir() };
  const openstack = createOpenstackDriver({ surroundings, userAgent: `nodepool/${readVersion()}` });
  return [directoryDriver, createFakeDriver(), openstack, runcDriver, staticDriver];
}
