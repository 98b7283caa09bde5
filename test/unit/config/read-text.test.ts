import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readText } from '../../../src/config/read-text.ts';
import { tempDir } from '../../support/temp.ts';

const problemOf = async (file: string) => {
  const read = await readText(file);
  return 'problem' in read ? read.problem : undefined;
};

t.test('reads text, without a byte order mark', async (t) => {
  const file = join(tempDir(t), 'nodepool.yaml');
  writeFileSync(file, '\ufefflabels: []\r\n# \u{1f389}\tok\n', { mode: 0o640 });
  const read = await readText(file);
  t.ok('text' in read);
  if ('text' in read) t.same([read.text, read.mode & 0o777], ['labels: []\r\n# \u{1f389}\tok\n', 0o640]);
});

t.test('says on which line the text is not UTF-8', async (t) => {
  const file = join(tempDir(t), 'nodepool.yaml');
  writeFileSync(file, Buffer.from('labels:\n  - name: caf\xe9\n', 'latin1'));
  t.match(await problemOf(file), { file, line: 2, expected: 'UTF-8 text', found: 'bytes that are not' });
  writeFileSync(file, '\ufefflabels: []\n', 'utf16le');
  t.match(await problemOf(file), { expected: 'UTF-8 text', found: 'UTF-16' });
});

t.test('refuses control characters, which hide in names', async (t) => {
  const file = join(tempDir(t), 'nodepool.yaml');
  for (const [character, found] of [
    ['\0', 'U+0000'],
    ['\u001b', 'U+001B'],
    ['\u009b', 'U+009B'],
  ] as const) {
    writeFileSync(file, `labels:\n  - name: a${character}b\n`);
    t.match(await problemOf(file), { line: 2, expected: 'text without control characters', found });
  }
});

t.test('stops reading what has no end', async (t) => {
  t.match(await problemOf('/dev/zero'), { expected: 'a file of at most 16 MiB', found: 'a larger one' });
  const file = join(tempDir(t), 'disk.img');
  writeFileSync(file, Buffer.alloc(16 * 1024 ** 2 + 1, '#'));
  t.match(await problemOf(file), { found: 'a larger one' });
});

t.test('says why there is nothing to read', async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'folder'));
  t.match(await problemOf(join(dir, 'folder')), { found: 'a directory' });
  t.match(await problemOf(join(dir, 'absent')), { found: 'no such file' });
});
