import { statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { failureOf, makeWorld, runcMissing } from './world.ts';

const skip = runcMissing();
const signal = () => AbortSignal.timeout(30_000);

for (const shell of [['dash'], ['bash', '--posix'], ['busybox', 'sh']]) {
  t.test(`the agent runs in ${shell.join(' ')}`, { skip: skip || shellMissing(shell) }, async (t: Test) => {
    const world = makeWorld(t);
    const opened = world.open({
      settings: { localShell: shell },
      labels: { debian: {}, overlay: { 'rw-overlay': true } },
    });
    t.equal(await opened.connected(), undefined);
    const instances = await Promise.all([
      opened.launch('debian'),
      opened.launch('overlay'),
      opened.launch('debian'),
    ]);
    for (const instance of instances) t.equal((await world.ssh(instance, 'echo ok')).stdout, 'ok\n');
    t.equal((await opened.provider.list(signal())).length, 3);
    t.match(
      await failureOf(opened.launch('none', { label: { name: 'none', options: { path: '/none' } } })),
      /does not exist/,
    );
    await Promise.all(instances.map(({ externalId }) => opened.provider.destroy(externalId, signal())));
    t.strictSame(world.leftovers(), []);
  });
}

function shellMissing([program = '']: string[]): string | false {
  const found = process.env['PATH']?.split(':').some((place) => {
    try {
      return statSync(join(place, program)).isFile();
    } catch {
      return false;
    }
  });
  return found ? false : `needs ${program}`;
}
