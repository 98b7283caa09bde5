import { randomBytes } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { followCopy } from '../../../src/directory/follow-copy.ts';
import { tempDir } from '../../support/temp.ts';

const content = randomBytes(3_000_001);

/** What has been read; parts are valid during the call only. */
function collect() {
  const parts: Buffer[] = [];
  return {
    onPart: (part: Buffer) => void parts.push(Buffer.from(part)),
    read: () => Buffer.concat(parts),
  };
}

t.test('reads a file that comes late and grows', async (t) => {
  const file = join(tempDir(t), 'copy');
  let halfSeen: () => void = () => undefined;
  const half = new Promise<void>((resolve) => (halfSeen = resolve));
  const copy = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(file, content.subarray(0, 1_500_000));
    await half;
    appendFileSync(file, content.subarray(1_500_000));
  };
  const { onPart, read } = collect();
  await followCopy(file, copy(), (part) => {
    onPart(part);
    if (read().length === 1_500_000) halfSeen();
  });
  t.ok(read().equals(content));
});

t.test('reads to the end of a file whose copying has ended before it looked', async (t) => {
  const file = join(tempDir(t), 'copy');
  writeFileSync(file, content);
  const { onPart, read } = collect();
  await followCopy(file, Promise.resolve(), onPart);
  t.ok(read().equals(content));
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
