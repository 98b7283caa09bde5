import t from 'tap';
import type { ProviderConfig } from '../../../src/config/config.ts';
import type { Driver } from '../../../src/driver/driver.ts';
import { openProvider } from '../../../src/launcher/provider-runtime.ts';
import { recordingLogger } from '../../support/launcher.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('a quota that cannot be read is told once, until it could be read in between', async (t) => {
  let [nowMs, fails, asked] = [0, true, 0];
  const quota = () => {
    asked += 1;
    return fails ? Promise.reject(new Error(`no answer (req-${asked})`)) : Promise.resolve({ instances: 3 });
  };
  const driver = { name: 'test', open: () => ({ quota }) } as unknown as Driver;
  const config = { name: 'cloud-a', driver: 'test' } as ProviderConfig;
  const { log, logged } = recordingLogger();
  const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve(), after: () => () => undefined };
  const runtime = openProvider(driver, config, { log, clock, onChange: () => undefined });
  const ask = async (times: number) => {
    for (let time = 0; time < times; time += 1) {
      runtime.limits();
      await settled();
      nowMs += 300_000;
    }
  };
  const warnings = () => logged.filter(({ level }) => level === 'warning').length;
  await ask(3);
  t.equal(asked, 3);
  t.equal(warnings(), 1);
  t.equal(runtime.quotaTrouble(), 'no answer (req-3)');
  fails = false;
  await ask(1);
  t.same(runtime.limits(), { instances: 3 });
  await settled();
  fails = true;
  nowMs += 300_000;
  await ask(2);
  t.equal(warnings(), 2);
  t.same(runtime.limits(), { instances: 3 }, 'the last known one is used');
});
