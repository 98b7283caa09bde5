import t from 'tap';
import { systemClock, type Clock } from '../../../src/clock.ts';
import { runDib } from '../../../src/dib/run-dib.ts';

/** Its pauses end only when they are ended. */
const endless: Clock = {
  ...systemClock,
  sleep: (_delayMs, signal) =>
    new Promise((_resolve, reject) => {
      if (signal?.aborted) reject(signal.reason as Error);
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    }),
};

t.test('lines that come one by one are written together, the last ones when the program ends', async (t) => {
  const parts: string[] = [];
  const numbers = Array.from({ length: 20 }, (_, index) => `${index}\n`);
  const result = await runDib({
    command: ['sh', '-c', 'i=0; while [ $i -lt 20 ]; do echo $i; i=$((i + 1)); sleep 0.01; done; exit 4'],
    env: process.env,
    log: {
      file: 'none',
      line: () => Promise.resolve(),
      output: (part) => Promise.resolve(void parts.push(part.toString())),
      close: () => Promise.resolve(),
    },
    timeoutMs: 60_000,
    clock: endless,
    signal: new AbortController().signal,
    onStart: () => undefined,
    end: () => Promise.resolve(),
  });
  t.same(result, { exitCode: 4, ended: undefined });
  t.equal(parts.join(''), numbers.join(''), 'nothing is lost');
  t.ok(parts.length <= 4, `written in ${parts.length} parts`);
});
