import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { contentOf, watchConfig } from '../../../src/config/watch.ts';

interface Watched {
  path: string;
  securePath: string;
  /** The next configuration or error, as text. */
  next(): Promise<string>;
  /** What was reported and not asked for yet. */
  waiting: string[];
}

/** Watches two files whose "configuration" is their text; a text with "bad" does not load. */
async function watchFiles(t: Test, { seen }: { seen?: string } = {}): Promise<Watched> {
  const folder = t.testdir({ 'nodepool.yaml': 'first', 'secure.conf': '' });
  const [path, securePath] = [join(folder, 'nodepool.yaml'), join(folder, 'secure.conf')];
  const waiting: string[] = [];
  let wake = () => {};
  const push = (text: string) => {
    waiting.push(text);
    wake();
  };
  const controller = new AbortController();
  t.teardown(() => controller.abort());
  await watchConfig({
    load: async () => {
      const text = (await readFile(path, 'utf8')) + (await readFile(securePath, 'utf8'));
      if (text.includes('bad')) throw new Error(`cannot load ${text}`);
      return text;
    },
    paths: [path, securePath],
    intervalMs: 100,
    onConfig: push,
    onError: (error) => push((error as Error).message.split(',')[0] as string),
    signal: controller.signal,
    ...(seen === undefined ? {} : { seen }),
  });
  const next = async () => {
    // Nothing else keeps the process alive: the watcher itself must not.
    const alive = setInterval(() => {}, 1000);
    while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    clearInterval(alive);
    return waiting.shift() as string;
  };
  return { path, securePath, next, waiting };
}

t.test('loads a file that was written in place, in either place', async (t) => {
  const { path, securePath, next } = await watchFiles(t);
  await writeFile(path, 'second');
  t.equal(await next(), 'second');
  await writeFile(securePath, '+secret');
  t.equal(await next(), 'second+secret');
});

t.test('reports a bad change once, and the good one after it', async (t) => {
  const { path, next, waiting } = await watchFiles(t);
  await writeFile(path, 'bad');
  t.equal(await next(), 'cannot load bad');
  await writeFile(path, 'bad');
  await writeFile(path, 'good');
  t.equal(await next(), 'good');
  t.same(waiting, []);
});

t.test('loads a file that replaced the old one by a rename', async (t) => {
  const { path, next } = await watchFiles(t);
  for (const text of ['second', 'third']) {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
    t.equal(await next(), text);
  }
});

t.test('follows a symbolic link that is pointed elsewhere', async (t) => {
  const { path, next } = await watchFiles(t);
  for (const name of ['v1', 'v2']) {
    await mkdir(join(path, '..', name));
    await writeFile(join(path, '..', name, 'nodepool.yaml'), name);
    await symlink(join(name, 'nodepool.yaml'), `${path}.link`);
    await rename(`${path}.link`, path);
    t.equal(await next(), name);
  }
  await writeFile(join(path, '..', 'v2', 'nodepool.yaml'), 'in place');
  t.equal(await next(), 'in place');
});

t.test('waits for a file that is away for a moment', async (t) => {
  const { path, next, waiting } = await watchFiles(t);
  await rm(path);
  await sleep(400);
  await writeFile(path, 'back');
  t.equal(await next(), 'back');
  t.same(waiting, []);
});

t.test('reports a file that stays away', async (t) => {
  const { path, next } = await watchFiles(t);
  await rm(path);
  t.equal(await next(), 'ENOENT: no such file or directory');
  await writeFile(path, 'first');
  t.equal(await next(), 'first');
});

t.test('loads once although the file is written in many steps', async (t) => {
  const { path, next, waiting } = await watchFiles(t);
  for (const text of ['a', 'ab', 'abc', 'abcd']) {
    await writeFile(path, text);
    await sleep(20);
  }
  t.equal(await next(), 'abcd');
  t.same(waiting, []);
});

t.test('says nothing while the content stays the same, whatever happens to the files', async (t) => {
  const { path, securePath, next, waiting } = await watchFiles(t);
  await writeFile(securePath, '');
  await writeFile(path, 'first');
  await writeFile(`${path}.new`, 'first');
  await rename(`${path}.new`, path);
  // Long enough for many looks; the empty secure file must not count as a change.
  await sleep(800);
  t.same(waiting, []);
  await writeFile(path, 'second');
  t.equal(await next(), 'second');
});

t.test('does not miss a change between loading and watching', async (t) => {
  const before = await contentOf([join(t.testdir({ f: 'older' }), 'f'), '/nonexistent']);
  const { next } = await watchFiles(t, { seen: before });
  t.equal(await next(), 'first');
});
