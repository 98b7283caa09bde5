/** Every driver that a configuration may name. */
import type { Driver } from '../driver/driver.ts';
import { createFakeDriver } from '../fake/driver.ts';
import { runcDriver } from '../runc/driver.ts';
import { staticDriver } from '../static/driver.ts';

/** One set a process: the fake driver keeps its instances in it. */
export function createDrivers(): Driver[] {
  return [createFakeDriver(), runcDriver, staticDriver];
}
