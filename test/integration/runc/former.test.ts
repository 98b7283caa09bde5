import t from 'tap';
import { systemClock } from '../../../src/clock.ts';
import type { ProviderConfig } from '../../../src/config/config.ts';
import type { Provider, Whereabouts } from '../../../src/driver/driver.ts';
import { silentLogger } from '../../../src/log.ts';
import { createRuncDriver } from '../../../src/runc/driver.ts';
import { sshdMissing } from '../../support/sshd.ts';
import { failureOf, makeWorld, runcMissing, WAYS, type World } from './world.ts';

const skip = runcMissing() || sshdMissing();

t.test('a container is removed from a hypervisor that is not configured any more', { skip }, async (t) => {
  for (const [name, options] of Object.entries(WAYS)) {
    await t.test(name, async (t) => {
      const world = makeWorld(t);
      const { provider, config, spec, pool, close } = world.open(await options(t, world));
      const signal = AbortSignal.timeout(60_000);
      const ids: string[] = [];
      let driverData: unknown;
      const context = {
        signal,
        log: silentLogger,
        onExternalId: (id: string, more?: unknown) => {
          ids.push(id);
          driverData = JSON.parse(JSON.stringify(more)) as unknown;
          return Promise.resolve();
        },
      };
      for (let count = 0; count < 2; count += 1) await provider.launch?.(spec(), context);
      await close();
      t.ok(world.leftovers().length > 0);

      const later = withoutPools(world, config);
      const whereabouts: Whereabouts = { pool: pool.name, driverData };
      await Promise.all(ids.map((id) => later.destroy(id, signal, whereabouts)));
      t.strictSame(world.leftovers(), [], 'nothing is left');
      await later.destroy(ids[0] ?? '', signal, whereabouts);
      await later.close(signal);
    });
  }
});

t.test('what cannot be asked for is not taken for gone', { skip }, async (t) => {
  const world = makeWorld(t);
  const provider = withoutPools(world, world.open().config);
  const destroyed = provider.destroy('0000000001-x', AbortSignal.timeout(60_000), {
    pool: 'hv9.invalid',
    driverData: null,
  });
  t.match(
    await failureOf(destroyed),
    /^the pool hv9\.invalid is not configured any more.*cannot resolve.*nodepool erase runc-farm hv9\.invalid/,
  );
  await provider.close(AbortSignal.timeout(5000));
});

/** The provider as a launcher opens it that never had its pools. */
function withoutPools(world: World, config: ProviderConfig): Provider {
  const driver = createRuncDriver({ paths: world.paths, consolePort: undefined });
  const deps = { log: silentLogger, clock: systemClock, onChange: () => undefined };
  return driver.open({ ...config, pools: new Map() }, deps);
}
