import type { Test } from 'tap';
import { systemClock } from '../../../src/clock.ts';
import type { PoolLabel, PoolConfig } from '../../../src/config/config.ts';
import type { LoadedConfig } from '../../../src/config/load.ts';
import type { Driver, LaunchContext, LaunchSpec, Provider } from '../../../src/driver/driver.ts';
import type { LogEvent } from '../../../src/log.ts';
import { createOpenstackDriver } from '../../../src/openstack/driver.ts';
import { recordingLogger } from '../launcher.ts';
import { until } from '../poll.ts';
import { providerConfig } from '../provider-config.ts';
import type { TestOpenstack } from './server.ts';

export interface Opened {
  provider: Provider;
  pool: PoolConfig;
  label(name: string): PoolLabel;
  logged: LogEvent[];
  /** Resolves when the provider can serve something, or has said why it cannot. */
  settled(): Promise<string | undefined>;
  launch(
    label: string,
    changes?: Partial<LaunchSpec>,
    context?: Partial<LaunchContext>,
  ): ReturnType<NonNullable<Provider['launch']>>;
}

type Section = Record<string, unknown>;

export const LABELS: Section[] = [
  { name: 'tiny', 'cloud-image': 'debian', 'flavor-name': 'm1.tiny' },
  { name: 'broken', 'cloud-image': 'debian', 'flavor-name': 'm1.broken' },
];

/** Repeats failed calls soon. */
export const HURRIED = { attempts: 3, firstDelayMs: 5, mostDelayMs: 20 };

export function testDriver({ surroundings }: Pick<TestOpenstack, 'surroundings'>): Driver {
  return createOpenstackDriver({ surroundings, userAgent: 'nodepool/test', patience: HURRIED, listMs: 20 });
}

/** A provider section; `port`: where the test's sshd listens on every loopback address. */
export function section({ port, ...changes }: Section = {}, pool: Section = {}): Section {
  const image = {
    name: 'debian',
    username: 'zuul',
    ...(port === undefined ? {} : { 'connection-port': port }),
  };
  return {
    name: 'cloud-a',
    cloud: 'main',
    rate: 0,
    'cloud-images': [image],
    pools: [{ name: 'main', networks: ['private'], labels: LABELS, ...pool }],
    ...changes,
  };
}

/** For commands: a configuration with this provider alone, whose labels all can be made. */
export function openstackConfig(cloud: TestOpenstack): { config: LoadedConfig; drivers: Driver[] } {
  const driver = testDriver(cloud);
  const provider = providerConfig(driver, section({}, { labels: LABELS.slice(0, 1) }));
  return {
    config: { providers: new Map([[provider.name, provider]]) } as unknown as LoadedConfig,
    drivers: [driver],
  };
}

export function openProvider(t: Test, cloud: TestOpenstack, given: Section = section()): Opened {
  const driver = testDriver(cloud);
  const config = providerConfig(driver, given);
  const { log, logged } = recordingLogger();
  const provider = driver.open(config, { log, clock: systemClock, onChange: () => undefined });
  t.teardown(() => provider.close(AbortSignal.timeout(5_000)));
  const [pool] = config.pools.values();
  if (pool === undefined) throw new TypeError('no pool');
  const label = (name: string) => pool.labels.get(name) ?? { name, options: {} };
  const settled = async () => {
    const [first] = pool.labels.values();
    if (first === undefined) throw new TypeError('no label');
    await until(() => !/^connecting/.test(provider.unready(pool, first)?.reason ?? ''));
    return provider.unready(pool, first)?.reason;
  };
  return {
    provider,
    pool,
    label,
    logged,
    settled,
    launch: (name, changes = {}, context = {}) => {
      if (!provider.launch) throw new TypeError('this driver launches');
      const spec = {
        nodeId: '0000000007',
        requestId: '200-1',
        attempt: 1,
        pool,
        label: label(name),
        tenantName: null,
      };
      return provider.launch(
        { ...spec, ...changes },
        { signal: AbortSignal.timeout(60_000), log, onExternalId: () => Promise.resolve(), ...context },
      );
    },
  };
}
