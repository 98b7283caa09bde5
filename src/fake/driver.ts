/**
 * A cloud that does not exist: for trying out nodepool, for tests and for benchmarks of scheduling. It is also the
 * smallest complete driver, and a good place to start reading before writing one.
 */
import type { ProviderConfig } from '../config/config.ts';
import { cancelledLaunch } from '../driver/cancelled.ts';
import type { Driver, DriverDeps, Instance, LaunchContext, LaunchSpec, Provider } from '../driver/driver.ts';
import { createInFlight } from '../driver/in-flight.ts';
import { LaunchError } from '../errors.ts';
import { NO_RESOURCES, type Resources } from '../model/resources.ts';
import { createFileCloud, createMemoryCloud, type Cloud } from './cloud.ts';
import { createFakeImages, createFileShelf, createMemoryShelf, type ImageShelf } from './images.ts';
import { checkDelays, fakeSchema, readBehaviour, type Behaviour, type DelayRange } from './options.ts';
import { createRandom } from './random.ts';

/** A well-formed ed25519 key that nobody has the private half of. */
const HOST_KEYS = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRoZSBob3N0IGtleSBvZiBhIGZha2UgaW5zdGFuY2Uu'];

/** What exists in one provider's imaginary cloud. */
interface Place {
  cloud: Cloud;
  shelf: ImageShelf;
}

/** Each driver object is a world of its own; in it, what a provider holds survives a reload of the provider. */
export function createFakeDriver(): Driver {
  const places = new Map<string, Place>();

  const placeOf = ({ name, options }: ProviderConfig): Place => {
    const directory = options['persist'] as string | undefined;
    if (directory !== undefined) {
      return { cloud: createFileCloud(directory, name), shelf: createFileShelf(directory, name) };
    }
    const place = places.get(name) ?? { cloud: createMemoryCloud(), shelf: createMemoryShelf() };
    places.set(name, place);
    return place;
  };

  return {
    name: 'fake',
    managesImages: true,
    schema: fakeSchema,
    check: checkDelays,
    open: (config, deps) => openFakeProvider(config, deps, placeOf(config)),
  };
}

function openFakeProvider(config: ProviderConfig, { clock }: DriverDeps, { cloud, shelf }: Place): Provider {
  const { options } = config;
  const random = createRandom((options['seed'] as number | undefined) ?? Date.now());
  const quota = (options['quota'] as Resources | undefined) ?? NO_RESOURCES;
  const zones = (options['zones'] as string[] | undefined) ?? [];
  const behaviours = new Map<unknown, Behaviour>();
  const inFlight = createInFlight();
  let made = 0;

  for (const pool of config.pools.values()) {
    for (const label of pool.labels.values()) behaviours.set(label, readBehaviour(options, label));
  }
  const behaviourOf = (label: LaunchSpec['label']) => behaviours.get(label) ?? readBehaviour(options, label);
  const draw = ([minMs, maxMs]: DelayRange) => (maxMs === 0 ? 0 : minMs + random() * (maxMs - minMs));

  async function launch(
    spec: LaunchSpec,
    { signal, onExternalId, onStep }: LaunchContext,
  ): Promise<Instance> {
    const behaviour = behaviourOf(spec.label);
    const fails = behaviour.failureRate > 0 && random() < behaviour.failureRate;
    if (fails && behaviour.failStage === 'prepare') throw failure('prepare');

    const externalId = `${config.name}-${spec.nodeId}-${spec.attempt}`;
    await onExternalId(externalId);
    if (signal.aborted) throw cancelledLaunch(signal);
    onStep?.('create');
    cloud.create(
      {
        externalId,
        nodeId: spec.nodeId,
        pool: spec.pool.name,
        cost: behaviour.cost,
        dead: behaviour.deadRate > 0 && random() < behaviour.deadRate,
        deleteDelayMs: draw(behaviour.deleteDelay),
      },
      quota,
    );
    try {
      onStep?.('start');
      const delayMs = draw(behaviour.launchDelay);
      if (delayMs > 0) await clock.sleep(delayMs, signal);
      if (fails) throw failure(behaviour.failStage);
    } catch (error) {
      cloud.remove(externalId);
      throw signal.aborted ? cancelledLaunch(signal) : error;
    }
    return describe(externalId, (made += 1), spec.zone);
  }

  async function destroy(externalId: string, signal: AbortSignal): Promise<void> {
    const instance = cloud.get(externalId);
    if (instance === undefined) return;
    if (instance.deleteDelayMs > 0) await clock.sleep(instance.deleteDelayMs, signal);
    cloud.remove(externalId);
  }

  return {
    launch: (spec, context) => inFlight.track(() => launch(spec, context)),

    destroy: (externalId, signal) => inFlight.track(() => destroy(externalId, signal)),

    list: () =>
      Promise.resolve(
        cloud
          .list()
          .map(({ externalId, nodeId, pool, dead }) => ({ externalId, nodeId, pool, running: !dead })),
      ),

    quota: () => Promise.resolve(options['report-quota'] === false ? NO_RESOURCES : quota),

    cost: (_pool, label) => behaviourOf(label).cost,

    unready(_pool, label) {
      const reason = behaviourOf(label).unready;
      return reason === undefined ? undefined : { reason, temporary: true };
    },

    checkAlive(externalId) {
      const instance = cloud.get(externalId);
      if (instance === undefined) return Promise.resolve(`instance ${externalId} does not exist`);
      return Promise.resolve(instance.dead ? `instance ${externalId} has died` : undefined);
    },

    zones: () => zones,

    images: createFakeImages(config, { clock, shelf, track: inFlight.track }),

    close: (signal) => inFlight.idle(signal),
  };
}

function failure(stage: LaunchError['stage']): LaunchError {
  return new LaunchError(stage, `the fake cloud failed on purpose (failure-rate, fail-stage: ${stage})`);
}

/** An address from 192.0.2.0/24, which is reserved for documentation (RFC 5737): nothing ever answers there. */
function describe(externalId: string, number: number, zone: string | undefined): Instance {
  const address = `192.0.2.${1 + (number % 254)}`;
  return {
    externalId,
    hostname: externalId,
    interfaceIp: address,
    publicIpv4: address,
    connectionType: 'ssh',
    connectionPort: 22,
    username: 'zuul',
    hostKeys: HOST_KEYS,
    pythonPath: 'auto',
    ...(zone === undefined ? {} : { az: zone }),
  };
}
