import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { driverContract } from '../driver/contract.ts';
import { makeRootfs } from './rootfs.ts';
import { makeWorld, runcMissing } from './world.ts';

t.test('the runC driver is a driver', { skip: runcMissing(), timeout: 120_000 }, async (t) => {
  const world = makeWorld(t);
  const slow = makeRootfs(t, world);
  writeFileSync(join(slow, 'usr/sbin/sshd'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  // Labels are part of container names; these are in use nowhere else on this machine.
  const [plain, slowly, broken] = ['plain', 'slow', 'broken'].map((name) => `${world.user}-${name}`);
  if (!plain || !slowly || !broken) throw new TypeError('three labels');

  await driverContract(t, async (t) => {
    const opened = world.open({
      labels: { [plain]: {}, [slowly]: { path: slow }, [broken]: { path: '/srv/np-test-missing' } },
    });
    t.teardown(() => opened.close());
    await opened.connected(plain);
    const labels = opened.pool.labels;
    const pool = { ...opened.pool, labels: new Map([...labels].filter(([name]) => name !== broken)) };
    const [label, slowLabel, failingLabel] = [plain, slowly, broken].map((name) => labels.get(name));
    return {
      provider: opened.provider,
      pool,
      ...(label && { label }),
      ...(slowLabel && { slowLabel }),
      ...(failingLabel && { failingLabel }),
      remains: (id: string) =>
        Promise.resolve([join(world.base, id), join('/run/runc', id)].filter((path) => existsSync(path))),
    };
  });
  t.strictSame(world.leftovers(), []);
});
