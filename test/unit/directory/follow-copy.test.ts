import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { followCopy } from '../../../src/directory/follow-copy.ts';
import { tempDir } from '../../support/temp.ts';

const content = randomBytes(3_000_001);
const whole = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };

t.test('sums up a file that comes late and grows', async (t) => {
  const file = join(tempDir(t), 'copy');
  const seen: number[] = [];
  let halfSeen: () => void = () => undefined;
  const half = new Promise<void>((resolve) => (halfSeen = resolve));
  const copy = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(file, content.subarray(0, 1_500_000));
    await half;
    appendFileSync(file, content.subarray(1_500_000));
  };
  const sum = await followCopy(file, copy(), (bytes) => {
    seen.push(bytes);
    if (bytes === 1_500_000) halfSeen();
  });
  t.same(sum, whole);
  t.ok(seen.includes(1_500_000));
  t.equal(seen.at(-1), content.length);
});

t.test('reads to the end of a file whose copying has ended before it looked', async (t) => {
  const file = join(tempDir(t), 'copy');
  writeFileSync(file, content);
  t.same(await followCopy(file, Promise.resolve(), () => undefined), whole);
});

t.test('throws why the copying failed, also when there is no file', async (t) => {
  const file = join(tempDir(t), 'copy');
  const failed = () => Promise.reject(new Error('No space left on device'));
  await t.rejects(
    followCopy(file, failed(), () => undefined),
    { message: 'No space left on device' },
  );
  writeFileSync(file, 'a part');
  await t.rejects(
    followCopy(file, failed(), () => undefined),
    { message: 'No space left on device' },
  );
});
