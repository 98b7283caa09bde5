import t from 'tap';
import { BadArgumentsError } from '../../../src/zookeeper/errors.ts';
import { resolveOptions } from '../../../src/zookeeper/options.ts';
import * as paths from '../../../src/zookeeper/paths.ts';
import { sortContenders } from '../../../src/zookeeper/recipes/contender.ts';
import { formatServer, parseServers } from '../../../src/zookeeper/servers.ts';

t.test('a server list may have ports, IPv6 addresses and one chroot', async (t) => {
  t.strictSame(parseServers('a:2181, [::1]:2182 ,c'), {
    servers: [
      { host: 'a', port: 2181 },
      { host: '::1', port: 2182 },
      { host: 'c', port: 2181 },
    ],
    chroot: '',
  });
  t.equal(parseServers('a,b:1/x/y').chroot, '/x/y');
  t.equal(parseServers('a/x,b/x/').chroot, '/x', 'behind every server, if it is the same');
  t.equal(parseServers('a/').chroot, '');
  t.equal(parseServers('a', 2281).servers[0]?.port, 2281);
  t.equal(formatServer({ host: '::1', port: 1 }), '[::1]:1');
});

t.test('a server list that cannot work says what was expected', async (t) => {
  const refused = (text: string, expected: RegExp) =>
    t.throws(() => parseServers(text), { name: 'BadArgumentsError', message: expected });
  refused('a/x,b/y', /one chroot for all servers, not \/x and \/y/);
  refused('a/x,b/', /one chroot for all servers/);
  refused('::1:2181', /IPv6 address in brackets/);
  refused('a:0', /a port from 1 to 65535/);
  refused('a:70000', /a port from 1 to 65535/);
  refused('', /host:port/);
  refused('a,,b', /host:port/);
  t.throws(() => resolveOptions({ servers: [] }), BadArgumentsError);
});

t.test('paths are checked as the servers check them', async (t) => {
  for (const good of ['/', '/a', '/a/b', '/a.b/..c', '/ä/日本', '/a b'])
    t.doesNotThrow(() => paths.checkPath(good), good);
  for (const bad of [
    '',
    'a',
    '/a/',
    '//',
    '/a//b',
    '/a/.',
    '/../b',
    '/a\u0000',
    '/a\u007f',
    '/\ud83d\ude00',
    '/\uf8ff',
  ]) {
    t.throws(() => paths.checkPath(bad), BadArgumentsError, JSON.stringify(bad));
  }
});

t.test('paths are taken apart and put together', async (t) => {
  t.equal(paths.parentOf('/a/b'), '/a');
  t.equal(paths.parentOf('/a'), '/');
  t.equal(paths.nameOf('/a/b'), 'b');
  t.equal(paths.joinPath('/', 'a'), '/a');
  t.equal(paths.joinPath('/a', 'b'), '/a/b');
  t.strictSame(paths.prefixesOf('/a/b/c'), ['/a', '/a/b', '/a/b/c']);
  t.strictSame(paths.prefixesOf(''), []);
  t.ok(paths.isWithin('/a/b', '/a') && paths.isWithin('/a', '/a') && paths.isWithin('/a', '/'));
  t.notOk(paths.isWithin('/ab', '/a'));
});

t.test('a chroot goes on and comes off, also at its root', async (t) => {
  for (const path of ['/', '/a', '/a/b']) {
    t.equal(paths.stripChroot('/x', paths.addChroot('/x', path)), path);
    t.equal(paths.addChroot('', path), path);
  }
  t.equal(paths.addChroot('/x', '/'), '/x');
  t.equal(paths.stripChroot('/x', '/xy'), '/xy');
});

t.test('contenders are ordered by number and everything else is left out', async (t) => {
  const id = (digit: string) => digit.repeat(32);
  t.strictSame(
    sortContenders([
      `${id('a')}__lock__0000000010`,
      `${id('b')}__lock__0000000009`,
      `${id('c')}__rlock__0000000001`,
      `${id('d')}__lock__000000001`,
      `${id('e')}__lock__0000000011x`,
      `${id('f')}__lock__-2147483648`,
      'other',
    ]),
    [`${id('f')}__lock__-2147483648`, `${id('b')}__lock__0000000009`, `${id('a')}__lock__0000000010`],
  );
});
