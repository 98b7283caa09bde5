/**
 * What every driver must do, whatever it drives. Each driver's test file opens a provider and calls `driverContract`;
 * the parts that a driver does not have (launching, registering) are left out.
 */
import type { Test } from 'tap';
import type { PoolConfig, PoolLabel } from '../../../src/config/config.ts';
import type { Instance, LaunchContext, LaunchSpec, Provider } from '../../../src/driver/driver.ts';
import { silentLogger } from '../../../src/log.ts';
import { until } from '../../support/poll.ts';
import { imagesContract, type ImagesUnderTest } from './images-contract.ts';

export interface DriverUnderTest extends ImagesUnderTest {
  provider: Provider;
  pool: PoolConfig;
  /** Launches and works. Missing for drivers that only register machines. */
  label?: PoolLabel;
  /** Takes long enough to be cancelled after the instance has begun to exist. */
  slowLabel?: PoolLabel;
  /** Fails with a LaunchError. */
  failingLabel?: PoolLabel;
  /** What is left of the instance in the real world, beyond what `list` shows: files, mounts, processes. */
  remains?: (externalId: string) => Promise<readonly string[]>;
  /** The provider itself chooses the external id, so that the instance exists before it is known. */
  namesItself?: true;
}

const never = new AbortController().signal;
let nextNode = 1;

/** `open` is called for each part of the suite and registers its own teardown. */
export async function driverContract(t: Test, open: (t: Test) => Promise<DriverUnderTest>): Promise<void> {
  const { provider } = await open(t);
  if (provider.launch !== undefined) await launchContract(t, open);
  if (provider.inventory !== undefined) await inventoryContract(t, open);
  if (provider.images !== undefined) await imagesContract(t, open);

  await t.test('destroying what never existed is fine', async (t) => {
    const { provider } = await open(t);
    await provider.destroy('0000000000-never-existed', never);
  });

  await t.test('tells what a node costs and what there is', async (t) => {
    const { provider, pool, label } = await open(t);
    const limits = Object.values(await provider.quota());
    t.ok(limits.every((limit) => limit >= 0));
    const labels = label === undefined ? [...pool.labels.values()] : [label];
    for (const each of labels) {
      t.equal(provider.cost(pool, each)['instances'], 1);
      t.equal(provider.unready(pool, each), undefined);
    }
  });

  await t.test('closes, also twice and when nobody waits', async (t) => {
    const { provider } = await open(t);
    await provider.close(AbortSignal.abort(new Error('no time')));
    await provider.close(never);
  });
}

async function launchContract(t: Test, open: (t: Test) => Promise<DriverUnderTest>): Promise<void> {
  await t.test(
    'reports the external id once, before anything exists under it where that can be',
    async (t) => {
      const under = await open(t);
      const seen: string[] = [];
      const instance = await launch(under, under.label, async (externalId) => {
        seen.push(externalId);
        if (under.namesItself) return;
        t.notOk(await isListed(under.provider, externalId), 'not yet there');
        t.same(await remainsOf(under, externalId), []);
      });
      t.same(seen, [instance.externalId], 'reported once');
      await under.provider.destroy(instance.externalId, never);
    },
  );

  await t.test('makes nothing when the external id cannot be stored', async (t) => {
    const under = await open(t);
    let externalId = '';
    await t.rejects(
      launch(under, under.label, (id) => {
        externalId = id;
        return Promise.reject(new Error('store is gone'));
      }),
    );
    await isGone(t, under, externalId);
  });

  await t.test('lists what it launched, with its node, until it is destroyed; twice is fine', async (t) => {
    const under = await open(t);
    const { provider, pool } = under;
    const spec = makeSpec(under, under.label);
    const instance = await launchSpec(provider, spec);
    t.match(await find(provider, instance.externalId), { nodeId: spec.nodeId, pool: pool.name });
    t.equal(await provider.checkAlive?.(instance.externalId, never), undefined, 'alive');

    await provider.destroy(instance.externalId, never);
    await provider.destroy(instance.externalId, never);
    await isGone(t, under, instance.externalId);
    if (provider.checkAlive)
      t.type(await provider.checkAlive(instance.externalId, never), 'string', 'not alive');
  });

  await t.test('an instance has all that is needed to reach it', async (t) => {
    const under = await open(t);
    const instance = await launch(under, under.label);
    t.match(instance, {
      interfaceIp: String,
      connectionType: String,
      connectionPort: Number,
      username: String,
      hostKeys: [/^[a-z0-9-]+ [A-Za-z0-9+/]+=*$/],
    });
    await under.provider.destroy(instance.externalId, never);
  });

  await t.test('launches at the same time do not get in each other’s way', async (t) => {
    const under = await open(t);
    const launches = Array.from({ length: 4 }, () => launch(under, under.label));
    const instances = await Promise.all(launches);
    const places = instances.map(({ interfaceIp, connectionPort }) =>
      [interfaceIp, connectionPort].join(' '),
    );
    t.equal(new Set(places).size, 4);
    await Promise.all(instances.map(({ externalId }) => under.provider.destroy(externalId, never)));
    for (const { externalId } of instances) await isGone(t, under, externalId);
  });

  await t.test('another attempt for the same node has another external id', async (t) => {
    const under = await open(t);
    const spec = makeSpec(under, under.label);
    const first = await launchSpec(under.provider, spec);
    await under.provider.destroy(first.externalId, never);
    const second = await launchSpec(under.provider, { ...spec, attempt: 2 });
    t.not(second.externalId, first.externalId);
    await under.provider.destroy(second.externalId, never);
  });

  await t.test('a cancelled launch leaves nothing, whenever it is cancelled', async (t) => {
    const under = await open(t);
    const before = new AbortController();
    before.abort(new Error('not wanted'));
    await t.rejects(launch(under, under.label, undefined, before.signal), 'before it began');
    t.same(await under.provider.list(never), []);

    const early = new AbortController();
    let externalId = '';
    const cancelledEarly = launch(
      under,
      under.label,
      (id) => {
        externalId = id;
        early.abort(new Error('not wanted'));
        return Promise.resolve();
      },
      early.signal,
    );
    await t.rejects(cancelledEarly, { name: 'LaunchError' }, 'as soon as it has an id');
    await isGone(t, under, externalId);

    const late = new AbortController();
    const cancelledLate = t.rejects(
      launch(
        under,
        under.slowLabel,
        (id) => {
          externalId = id;
          return Promise.resolve();
        },
        late.signal,
      ),
      { name: 'LaunchError' },
      'in the middle',
    );
    await until(async () => externalId !== '' && (await isListed(under.provider, externalId)));
    late.abort(new Error('not wanted'));
    await cancelledLate;
    await isGone(t, under, externalId);
  });

  await t.test('a failed launch says at which stage, and leaves nothing', async (t) => {
    const under = await open(t);
    let externalId = '';
    const failing = launch(under, under.failingLabel, (id) => {
      externalId = id;
      return Promise.resolve();
    });
    await t.rejects(failing, { name: 'LaunchError', stage: String, message: /./ });
    await isGone(t, under, externalId);
  });

  await t.test('closing waits for a launch that runs', async (t) => {
    const under = await open(t);
    let closed: Promise<void> | undefined;
    const launched = launch(under, under.label, () => {
      closed = under.provider.close(never);
      return Promise.resolve();
    });
    const order: string[] = [];
    const instance = await launched.finally(() => order.push('launched'));
    await closed?.then(() => order.push('closed'));
    t.same(order, ['launched', 'closed']);
    t.ok(instance.externalId);
    const again = await open(t);
    await again.provider.destroy(instance.externalId, never);
  });
}

async function inventoryContract(t: Test, open: (t: Test) => Promise<DriverUnderTest>): Promise<void> {
  await t.test('every slot has its own key, a pool and labels', async (t) => {
    const { provider, pool } = await open(t);
    const slots = provider.inventory?.slots() ?? [];
    t.not(slots.length, 0);
    t.equal(new Set(slots.map(({ key }) => key)).size, slots.length);
    for (const slot of slots) {
      t.equal(slot.pool, pool);
      t.ok(slot.labels.every((label) => pool.labels.has(label)));
    }
    t.same(
      (await open(t)).provider.inventory?.slots().map(({ key }) => key),
      slots.map(({ key }) => key),
      'the same keys when it is opened again',
    );
  });

  await t.test('inspecting a slot tells how to reach its host, and destroying leaves it alone', async (t) => {
    const { provider } = await open(t);
    for (const slot of provider.inventory?.slots() ?? []) {
      const instance = await provider.inventory?.inspect(slot, never);
      t.match(instance, {
        externalId: String,
        interfaceIp: String,
        connectionPort: Number,
        username: String,
      });
      await provider.destroy(instance?.externalId ?? '', never);
      t.equal(await provider.checkAlive?.(instance?.externalId ?? '', never), undefined);
    }
    t.same(await provider.list(never), [], 'nothing of its own that could leak');
  });

  await t.test('an inspection that is cancelled ends with the reason', async (t) => {
    const { provider } = await open(t);
    const [slot] = provider.inventory?.slots() ?? [];
    const reason = new Error('not wanted');
    if (slot === undefined || provider.inventory === undefined) throw new TypeError('there must be a slot');
    await t.rejects(provider.inventory.inspect(slot, AbortSignal.abort(reason)), reason);
  });
}

/** A spec for a fresh node; fails loudly when the driver under test lacks the label. */
function makeSpec({ pool }: DriverUnderTest, label: PoolLabel | undefined): LaunchSpec {
  if (label === undefined)
    throw new TypeError('the driver under test must offer label, slowLabel and failingLabel');
  const nodeId = String(nextNode++).padStart(10, '0');
  return { nodeId, requestId: '200-0000000001', attempt: 1, pool, label, tenantName: null };
}

function launch(
  under: DriverUnderTest,
  label: PoolLabel | undefined,
  onExternalId?: LaunchContext['onExternalId'],
  signal?: AbortSignal,
): Promise<Instance> {
  return launchSpec(under.provider, makeSpec(under, label), onExternalId, signal);
}

async function launchSpec(
  provider: Provider,
  spec: LaunchSpec,
  onExternalId: LaunchContext['onExternalId'] = () => Promise.resolve(),
  signal = never,
): Promise<Instance> {
  if (provider.launch === undefined) throw new TypeError('the driver under test does not launch');
  return provider.launch(spec, { signal, log: silentLogger, onExternalId });
}

async function find(provider: Provider, externalId: string) {
  return (await provider.list(never)).find((found) => found.externalId === externalId);
}

async function isListed(provider: Provider, externalId: string): Promise<boolean> {
  return (await find(provider, externalId)) !== undefined;
}

async function remainsOf({ remains }: DriverUnderTest, externalId: string): Promise<readonly string[]> {
  return remains === undefined ? [] : remains(externalId);
}

async function isGone(t: Test, under: DriverUnderTest, externalId: string): Promise<void> {
  t.not(externalId, '', 'there was an external id');
  t.notOk(await isListed(under.provider, externalId), 'not listed');
  t.same(await remainsOf(under, externalId), [], 'nothing left');
}
