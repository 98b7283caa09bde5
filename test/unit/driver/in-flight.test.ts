import t from 'tap';
import { cancelledLaunch } from '../../../src/driver/cancelled.ts';
import { createInFlight } from '../../../src/driver/in-flight.ts';
import { LaunchError } from '../../../src/errors.ts';

const never = new AbortController().signal;

t.test('is idle when the last work has ended, well or badly', async (t) => {
  const inFlight = createInFlight();
  await inFlight.idle(never);

  let finish = () => undefined as void;
  let breakDown = (_: Error) => undefined as void;
  const good = inFlight.track(() => new Promise<string>((resolve) => (finish = () => resolve('done'))));
  const bad = inFlight.track(() => new Promise<never>((_, reject) => (breakDown = reject)));
  let idle = false;
  const waiting = inFlight.idle(never).then(() => (idle = true));

  finish();
  t.equal(await good, 'done');
  t.notOk(idle);
  breakDown(new Error('broken'));
  await t.rejects(bad, { message: 'broken' });
  await waiting;
});

t.test('stops waiting when told to', async (t) => {
  const inFlight = createInFlight();
  void inFlight.track(() => new Promise<never>(() => undefined));
  const controller = new AbortController();
  const waiting = inFlight.idle(controller.signal);
  controller.abort();
  await waiting;
  await inFlight.idle(AbortSignal.abort());
  t.pass('it returned');
});

t.test('a cancelled launch fails for the reason it was cancelled', (t) => {
  const timeout = new LaunchError('timeout', 'launch-timeout is over');
  t.equal(cancelledLaunch(AbortSignal.abort(timeout)), timeout);
  t.match(cancelledLaunch(AbortSignal.abort(new Error('request is gone'))), {
    stage: 'cancelled',
    message: 'launch cancelled: request is gone',
  });
  t.end();
});
