import type { Span, Tracer } from '@opentelemetry/api';
import { nowS, type Clock } from '../clock.ts';
import type { Driver, LaunchStep, Provider } from '../driver/driver.ts';
import { boundCopy } from '../metrics/bound-copy.ts';
import type { NodeSpans } from './node-spans.ts';
import { below, endSpan, failSpanBy, NOWHERE, startSpan } from './spans.ts';

const STEP_NAMES: Readonly<Record<LaunchStep, string>> = {
  prepare: 'prepare',
  create: 'create instance',
  start: 'wait for start',
  address: 'get address',
  port: 'wait for port',
  keyscan: 'read host keys',
};

interface Tracing {
  tracer: Tracer;
  nodes: NodeSpans;
  clock: Clock;
}

/** The same driver: each attempt to launch is a span with one for each of its steps, and so is each removal. */
export function tracedDriver(driver: Driver, tracing: Tracing): Driver {
  return {
    ...driver,
    open: (config, deps) => tracedProvider(driver.open(config, deps), config.name, driver.name, tracing),
  };
}

function tracedProvider(
  provider: Provider,
  name: string,
  driver: string,
  { tracer, nodes, clock }: Tracing,
): Provider {
  const launch = provider.launch?.bind(provider);
  const common = { 'nodepool.provider': name, 'nodepool.driver': driver };

  const tracedLaunch: NonNullable<Provider['launch']> = async (spec, context) => {
    const attempt = startSpan(tracer, 'launch attempt', {
      startS: nowS(clock),
      parent: nodes.contextOf(spec.nodeId) ?? NOWHERE,
      attributes: {
        ...common,
        'nodepool.pool': spec.pool.name,
        'nodepool.label': spec.label.name,
        'nodepool.node.id': spec.nodeId,
        'nodepool.request.id': spec.requestId,
        'nodepool.attempt': spec.attempt,
      },
    });
    let step: Span | undefined;
    const onStep = (next: LaunchStep) => {
      const startS = nowS(clock);
      if (step) endSpan(step, startS);
      step = startSpan(tracer, STEP_NAMES[next], { startS, parent: below(attempt), attributes: {} });
      context.onStep?.(next);
    };
    try {
      const instance = await (launch as NonNullable<Provider['launch']>)(spec, { ...context, onStep });
      const endS = nowS(clock);
      if (step) endSpan(step, endS);
      attempt.setAttribute('nodepool.external_id', instance.externalId);
      endSpan(attempt, endS);
      return instance;
    } catch (error) {
      const endS = nowS(clock);
      if (step) failSpanBy(step, endS, error);
      failSpanBy(attempt, endS, error);
      throw error;
    }
  };
  const destroy: Provider['destroy'] = async (externalId, ...more) => {
    const parent = nodes.deletionOf(externalId);
    if (!parent) return await provider.destroy(externalId, ...more);
    const attributes = { ...common, 'nodepool.external_id': externalId };
    const span = startSpan(tracer, 'remove instance', { startS: nowS(clock), parent, attributes });
    try {
      await provider.destroy(externalId, ...more);
      endSpan(span, nowS(clock));
    } catch (error) {
      failSpanBy(span, nowS(clock), error);
      throw error;
    }
  };
  return Object.assign(boundCopy(provider), { ...(launch && { launch: tracedLaunch }), destroy });
}
