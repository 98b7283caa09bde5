import t from 'tap';
import { rewatchRequests } from '../../../src/zookeeper/session/rewatch.ts';
import { type OneShotKind, Watches } from '../../../src/zookeeper/session/watches.ts';
import type { WatchEvent } from '../../../src/zookeeper/types.ts';
import { JuteReader } from '../../../src/zookeeper/wire/jute-reader.ts';
import { JuteWriter } from '../../../src/zookeeper/wire/jute-writer.ts';
import { OpCode } from '../../../src/zookeeper/wire/opcodes.ts';

function setUp(chroot = '') {
  const watches = new Watches((path) => path.slice(chroot.length) || '/');
  const heard: string[] = [];
  const listener =
    (name: string) =>
    ({ type, path }: WatchEvent) =>
      void heard.push(`${name} ${type} ${path}`);
  const once = (kind: OneShotKind, path: string, name: string = kind) =>
    watches.addOneShot({ kind, path, listener: listener(name) });
  const take = () => heard.splice(0);
  return { watches, listener, once, take };
}

t.test('one-shot watches fire once, for the events that concern what was read', async (t) => {
  const { watches, once, take } = setUp();
  const cases = [
    ['changed', ['data', 'exists']],
    ['created', ['data', 'exists']],
    ['deleted', ['children', 'data', 'exists']],
    ['children', ['children']],
  ] as const;
  for (const [type, kinds] of cases) {
    for (const kind of ['data', 'exists', 'children'] as const) once(kind, `/${type}`);
    watches.dispatch(type, `/${type}`);
    t.strictSame(
      take(),
      kinds.map((kind) => `${kind} ${type} /${type}`),
    );
    watches.dispatch(type, `/${type}`);
    t.strictSame(take(), [], 'only once');
  }
});

t.test('a listener registered twice hears an event once', async (t) => {
  const { watches, listener, take } = setUp();
  const same = listener('same');
  watches.addOneShot({ kind: 'data', path: '/a', listener: same });
  watches.addOneShot({ kind: 'exists', path: '/a', listener: same });
  watches.addLasting('recursive', '/', same);
  watches.dispatch('changed', '/a');
  t.strictSame(take(), ['same changed /a']);
});

t.test(
  'a recursive watch hears of everything below, a persistent one of its own path and children',
  async (t) => {
    const { watches, listener, take } = setUp();
    watches.addLasting('recursive', '/a', listener('deep'));
    watches.addLasting('persistent', '/a/b', listener('flat'));
    watches.dispatch('changed', '/a/b');
    watches.dispatch('created', '/a/b/c');
    watches.dispatch('children', '/a/b');
    watches.dispatch('changed', '/ab');
    t.strictSame(take(), [
      'flat changed /a/b',
      'deep changed /a/b',
      'deep created /a/b/c',
      'flat children /a/b',
    ]);
  },
);

t.test('a one-shot watch under a persistent one is served without asking the server', async (t) => {
  const { watches, listener, once, take } = setUp();
  const request = (kind: OneShotKind) => ({ kind, path: '/a', listener: listener('x') });
  t.ok(watches.needsServer(request('data')));
  watches.addLasting('recursive', '/a', listener('deep'));
  t.notOk(watches.needsServer(request('data')));
  t.notOk(watches.needsServer(request('exists')));
  t.ok(watches.needsServer(request('children')), 'a recursive watch reports no children');
  once('children', '/a', 'list');
  watches.dispatch('created', '/a/b');
  t.strictSame(take(), ['deep created /a/b', 'list children /a'], 'but a new child is one');
  t.ok(
    watches.removeLasting('recursive', '/a', () => undefined) === false,
    'an unknown listener removes nothing',
  );
  watches.addLasting('persistent', '/p', listener('flat'));
  t.notOk(watches.needsServer({ ...request('children'), path: '/p' }));
});

t.test('a lost session ends one-shot watches and keeps the lasting ones', async (t) => {
  const { watches, listener, once, take } = setUp('/x');
  once('data', '/x/a');
  once('children', '/x');
  watches.addLasting('recursive', '/x/r', listener('deep'));
  watches.loseOneShots();
  t.strictSame(take(), ['data lost /a', 'children lost /']);
  watches.resync();
  t.strictSame(take(), ['deep resync /r']);
  watches.removeAllLasting();
  t.strictSame(take(), ['deep removed /r']);
  watches.dispatch('changed', '/x/r/a');
  t.strictSame(take(), []);
});

t.test('a listener that throws does not keep others from hearing', async (t) => {
  const { watches, listener, take } = setUp();
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  watches.addLasting('persistent', '/a', () => {
    throw new Error('from a listener');
  });
  watches.addLasting('persistent', '/a', listener('other'));
  watches.dispatch('changed', '/a');
  t.strictSame(take(), ['other changed /a']);
  t.match(await thrown, { message: 'from a listener' });
});

t.test('many watches are set again in several requests, persistent ones last', async (t) => {
  const { watches, listener, once } = setUp();
  const name = (index: number) => `/some/long/directory/name/${String(index).padStart(100, '0')}`;
  for (let index = 0; index < 3000; index++) once('data', name(index));
  once('exists', '/e');
  watches.addLasting('recursive', '/r', listener('deep'));
  const seen: string[] = [];
  const requests = rewatchRequests(watches, 77n);
  t.equal(requests.at(-1)?.opcode, OpCode.setWatches2);
  t.equal(requests.filter(({ opcode }) => opcode === OpCode.setWatches2).length, 1);
  for (const { opcode, write } of requests) {
    const writer = new JuteWriter();
    write(writer);
    const bytes = writer.take();
    t.ok(bytes.length < 140_000, `${bytes.length} bytes`);
    const reader = new JuteReader(bytes);
    t.equal(reader.long(), 77n);
    for (let list = 0; list < (opcode === OpCode.setWatches ? 3 : 5); list++)
      seen.push(...reader.vector(() => reader.string()));
    t.equal(reader.left, 0);
  }
  t.strictSame(
    new Set(seen),
    new Set([...Array.from({ length: 3000 }, (_, index) => name(index)), '/e', '/r']),
  );
});
