/** A launcher on the real OpenStack of `test/support/testcloud/`, with one label. */
import type { Test } from 'tap';
import { startTestLauncher, type TestLauncherOptions } from './launcher.ts';
import { cloudDriver, inside, type Account } from './testcloud.ts';

export const WAIT_MS = 120_000;
export const patient = { timeoutMs: WAIT_MS, intervalMs: 250 };

export interface Wanted {
  cloud?: string;
  provider?: string;
  pool?: string;
  label?: string;
  image?: string;
}

/** A provider section with one label; `pool` and the others are further lines for their place. */
export function yaml({
  cloud = 'testcloud',
  provider = '',
  pool = '',
  label = '',
  image = '',
}: Wanted = {}): string {
  return `
labels: [{name: vm}]
providers:
  - name: cloud-a
    cloud: ${cloud}
    rate: 0
    launch-retries: 1
    ${provider}
    cloud-images:
      - {name: debian, image-name: small-raw, username: zuul${image}}
    pools:
      - name: main
        networks: [private]
        ${pool}
        labels:
          - {name: vm, cloud-image: debian, flavor-name: m1.tiny${label}}
`;
}

/** Unless told otherwise with a driver that needs no floating IPs, which take their time. */
export const start = (t: Test, text: string, options: TestLauncherOptions = {}) =>
  startTestLauncher(t, text, { drivers: [cloudDriver(t, inside)], waitMs: WAIT_MS, ...options });

export const unchecked = 'host-key-checking: false';

/** Nothing of nodes is left in the project. */
export async function isEmpty({ list }: Account): Promise<boolean> {
  const found = await Promise.all([
    list('compute', '/servers/detail', 'servers'),
    list('network', '/floatingips', 'floatingips'),
    list('volume', '/volumes/detail', 'volumes'),
    list('network', '/ports?device_owner=compute:nova', 'ports'),
  ]);
  return found.every((things) => things.length === 0);
}
