/** Two hosts that became hypervisors by the operator's manual steps, and nothing else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { until } from '../../support/poll.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { upHosts, type TestHost } from '../../support/testhosts.ts';
import type { Programs } from './programs.ts';

export const BUNDLES = '/var/lib/nodepool/runc';

export interface Hypervisors {
  first: TestHost;
  second: TestHost;
  both: readonly TestHost[];
  /** Where the launcher records host keys. */
  knownHosts: string;
  /** The provider's own lines: how it reaches its hosts. */
  providerLines: string;
  /** Public half of the key with which the launcher logs in as root. */
  rootKey: string;
}

export async function makeHypervisors(t: Test, programs: Programs, network: string): Promise<Hypervisors> {
  const { hosts, down } = await upHosts(2, { network });
  t.teardown(down);
  const [first, second] = hosts as [TestHost, TestHost];
  const rootKey = makeKey('rsa');
  const rootKeyFile = join(programs.dir, 'id_rsa');
  writeFileSync(rootKeyFile, rootKey.private, { mode: 0o600 });
  await Promise.all(hosts.map((host) => setUp(host, rootKey.public, programs.key.public)));
  const knownHosts = join(programs.dir, 'known_hosts');
  return {
    first,
    second,
    both: hosts,
    knownHosts,
    providerLines: `ssh-key: ${rootKeyFile}\n    known-hosts: ${knownHosts}`,
    rootKey: rootKey.public,
  };
}

/** The lines of a pool with a label of its own, `on-h1`. */
export const poolOf = (host: TestHost): string => `
      - name: ${host.address}
        max-servers: 4
        labels:
          - name: on-${host.name}
            username: zuul-worker`;

async function setUp(host: TestHost, rootKey: string, userKey: string): Promise<void> {
  await host.ssh('useradd -m zuul-worker');
  await host.ssh(`echo '${rootKey} nodepool' >>/root/.ssh/authorized_keys`);
  await host.ssh('mkdir /home/zuul-worker/.ssh');
  await host.ssh(`echo '${userKey} zuul' >/home/zuul-worker/.ssh/authorized_keys`);
  await host.ssh('mkdir /home/zuul-worker/src');
  const install = 'apt-get -qq install -y --no-install-recommends runc >/dev/null 2>&1';
  await host.ssh(`${install} || { apt-get -qq update && ${install}; }`, { timeoutMs: 120_000 });
}

/** Containers, bundles, mounts in bundles, reserved ports and sockets of nodes on a host. */
export async function leftoversOn(host: TestHost): Promise<string[]> {
  const text = await host.ssh(
    `runc list -q; ls ${BUNDLES}; ls ${BUNDLES}/.ports; grep -o ' ${BUNDLES}/[^ ]*' /proc/mounts; ` +
      `ss -Hltn 'sport >= 22022' | grep -v 19885; true`,
  );
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Removal is asynchronous: the record goes last, but a cancelled launch may still be cleaning up. */
export async function assertClean(t: Test, hosts: readonly TestHost[]): Promise<void> {
  for (const host of hosts) {
    await until(async () => (await leftoversOn(host)).length === 0, { timeoutMs: 20_000 }).catch(
      () => undefined,
    );
    t.strictSame(await leftoversOn(host), [], `nothing is left on ${host.name}`);
  }
}

/** Makes `runc run` wait there for as long as a file exists, so that a launch can be met in its middle. */
export async function makeRuncWait(
  host: TestHost,
): Promise<{ reached(): Promise<void>; goOn(): Promise<void> }> {
  const wrapper =
    '#!/bin/sh\n[ "$1" != run ] || { touch /run/reached; while [ -e /run/wait ]; do sleep 0.1; done; }\nexec /usr/sbin/runc.real "$@"\n';
  await host.ssh(
    `rm -f /run/reached; touch /run/wait; [ -e /usr/sbin/runc.real ] || mv /usr/sbin/runc /usr/sbin/runc.real; ` +
      `printf '%s' '${wrapper}' >/usr/sbin/runc; chmod 755 /usr/sbin/runc`,
  );
  return {
    reached: async () =>
      void (await until(() =>
        host.ssh('test -e /run/reached').then(
          () => true,
          () => false,
        ),
      )),
    goOn: async () => void (await host.ssh('rm -f /run/wait; mv -f /usr/sbin/runc.real /usr/sbin/runc')),
  };
}
