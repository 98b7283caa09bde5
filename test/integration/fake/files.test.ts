// Instances that outlive their launcher: `persist`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createFileCloud, type FakeInstance } from '../../../src/fake/cloud.ts';
import { until } from '../../support/poll.ts';
import { presentAtOnce } from '../../support/present.ts';
import { tempDir } from '../../support/temp.ts';

const launcher = fileURLToPath(new URL('./launch-for-ever.ts', import.meta.url));

function instance(number: number, pool = 'main'): FakeInstance {
  const nodeId = String(number).padStart(10, '0');
  return {
    externalId: `${pool}-${nodeId}-1`,
    nodeId,
    pool,
    cost: { instances: 1 },
    dead: false,
    deleteDelayMs: 0,
  };
}

t.test('a killed process leaves its instances to be found, and nothing half made', async (t) => {
  const directory = tempDir(t);
  const child = spawn(process.execPath, ['--import', 'tsx', launcher, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');

  const cloud = createFileCloud(directory, 'clouds');
  const found = cloud.list();
  t.ok(found.length > 0);
  for (const { externalId, nodeId } of found) {
    t.match(nodeId, /^\d{10}$/);
    t.equal(cloud.get(externalId)?.nodeId, nodeId);
    cloud.remove(externalId);
  }
  // A claim that the kill interrupted does not count, and goes with the next creation.
  cloud.create(instance(1), { instances: 1 });
  t.same(await readdir(directory), ['clouds:main-0000000001-1']);
});

t.test('several processes together never exceed the quota', async (t) => {
  const directory = tempDir(t);
  const children = [1, 2].map(() => {
    const child = spawn(process.execPath, ['--import', 'tsx', launcher, directory, '3'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    return once(child.stdout, 'data');
  });
  await Promise.all(children);
  const counts: number[] = [];
  await until(
    () => {
      counts.push(presentAtOnce(directory).filter((name) => name.startsWith('clouds:')).length);
      return counts.length === 100;
    },
    { intervalMs: 5 },
  );
  t.ok(Math.max(...counts) <= 3, `never more than 3, seen: ${Math.max(...counts)}`);
  t.ok(Math.max(...counts) >= 1, 'there were some');
});

t.test('providers that share a directory do not see each other', async (t) => {
  const directory = tempDir(t);
  const [a, ab] = [createFileCloud(directory, 'a'), createFileCloud(directory, 'a:b')];
  a.create(instance(1), { instances: 1 });
  ab.create(instance(2), { instances: 1 });
  t.same(a.list(), [instance(1)]);
  t.same(ab.list(), [instance(2)]);
  t.throws(() => a.create(instance(3), { instances: 1 }), {
    name: 'QuotaError',
    message: 'quota of the fake cloud: 1 of 1 instances in use, 1 more wanted',
  });
});
