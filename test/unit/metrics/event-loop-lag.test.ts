import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { createRegistry } from '../../../src/metrics/registry.ts';

const LOOKED_MS = 250;
const BLOCKED_MS = 250;

t.test('what blocks the event loop shows, and the pause between two looks does not', async (t) => {
  const { registry } = createRegistry();
  const read = async () => {
    const metrics = await registry.getMetricsAsJSON();
    return Object.fromEntries(
      metrics.flatMap(({ name, values }) => {
        const kind = /^nodejs_eventloop_lag_(\w+)_seconds$/.exec(name)?.[1];
        return kind === undefined ? [] : [[kind, values[0]?.value]];
      }),
    );
  };
  const nothing = { min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 };
  t.strictSame(await read(), nothing, 'before the first look');

  await sleep(LOOKED_MS);
  const untilMs = performance.now() + BLOCKED_MS;
  while (performance.now() < untilMs);
  await sleep(20);
  const { max = 0, min = 0 } = await read();
  t.ok(max > (BLOCKED_MS - 100) / 1000 - 0.01, `at most ${max} s late`);
  t.ok(min < max, `at least ${min} s late`);
  t.strictSame(await read(), nothing, 'each reading begins anew');
});
