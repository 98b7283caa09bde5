import t from 'tap';
import type { PoolConfig, PoolLabel, ProviderConfig } from '../../../src/config/config.ts';
import {
  checkOptions,
  readLabelOptions,
  readPoolOptions,
  readProviderOptions,
  sizeInBytes,
} from '../../../src/runc/options.ts';

const label = (options: Record<string, unknown>): PoolLabel => ({ name: 'debian', options });

function problems(pool: Record<string, unknown>, options: Record<string, unknown>): string[] {
  const found: string[] = [];
  const poolConfig = { name: 'hv1', options: pool, labels: new Map([['debian', label(options)]]) };
  const config = {
    pools: new Map([['hv1', poolConfig as unknown as PoolConfig]]),
  } as unknown as ProviderConfig;
  checkOptions(config, (path) => found.push(path));
  return found;
}

t.test('the name and the address of a hypervisor must be ones that can be looked up', (t) => {
  const check = (name: string, options: Record<string, unknown>) => {
    const found: string[] = [];
    const pool = { name, options, labels: new Map() } as unknown as PoolConfig;
    const config = { pools: new Map([[name, pool]]) } as unknown as ProviderConfig;
    checkOptions(config, (...problem) => found.push(problem.join(' | ')));
    return found;
  };
  const wrong = ['bad host', 'root@hv1', 'hv1:22', '-oProxyCommand=x', 'hv1;id'];
  for (const name of wrong) {
    t.same(check(name, {}), [`pools[0].name | the name or address of a hypervisor | "${name}"`]);
    t.same(check(name, { connection: 'local' }), [], 'this machine may have any name');
    t.same(check('hv1', { address: name }), [`pools[0].address | a host name or address | "${name}"`]);
  }
  for (const name of ['hv1', 'hv1.example.com', '10.0.0.11', '2001:db8::1'])
    t.same(check(name, {}), [], name);
  t.end();
});

t.test('hidden paths are directories below the root', (t) => {
  t.same(problems({}, { 'hidden-paths': ['/opt/secret', '//'] }), ['pools[0].labels[0].hidden-paths']);
  t.same(problems({}, { 'hidden-paths': ['/opt/secret'] }), []);
  t.end();
});

t.test('defaults are those of the documentation', (t) => {
  t.match(readProviderOptions({ options: {} }), {
    consoleDir: '/tmp',
    keyFiles: ['/var/lib/nodepool/.ssh/id_ed25519', '/var/lib/nodepool/.ssh/id_rsa'],
    knownHosts: '/var/lib/nodepool/.ssh/known_hosts',
    keepFailedSeconds: 0,
  });
  t.match(readPoolOptions({ name: 'hv1', options: {} }), {
    local: false,
    sshPort: 22,
    hostKeys: [],
    ports: { first: 22022, last: 65535 },
  });
  t.match(readLabelOptions({ options: {} }, label({})), {
    path: '/',
    username: 'zuul',
    homeDir: '/home/zuul',
    overlay: false,
    sudo: false,
    limits: { pids: 4096 },
  });
  t.end();
});

t.test('a label overrides its pool, and sudo comes with a writable copy', (t) => {
  const pool = { options: { 'rw-overlay': true } };
  t.match(readLabelOptions(pool, label({})), { overlay: true, sudo: true });
  t.match(readLabelOptions(pool, label({ sudo: false })), { overlay: true, sudo: false });
  t.match(readLabelOptions(pool, label({ 'rw-overlay': false })), { overlay: false, sudo: false });
  t.match(readLabelOptions(pool, label({ path: '/srv/x/', 'home-dir': '/jobs/', username: 'w' })), {
    path: '/srv/x',
    homeDir: '/jobs',
    username: 'w',
  });
  t.end();
});

t.test('sizes are MiB, or have a unit', (t) => {
  t.equal(sizeInBytes(512), 512 * 1024 ** 2);
  t.equal(sizeInBytes('2G'), 2 * 1024 ** 3);
  t.equal(sizeInBytes('64 M'), undefined);
  t.equal(sizeInBytes('100MiB'), 100 * 1024 ** 2);
  t.equal(sizeInBytes('many'), undefined);
  t.end();
});

t.test('what the schema cannot see is still reported with its key', (t) => {
  t.strictSame(problems({}, {}), []);
  t.strictSame(problems({ 'host-key': ['ssh-ed25519 nonsense'] }, {}), ['pools[0].host-key']);
  t.strictSame(problems({ 'port-range': '22' }, {}), ['pools[0].port-range']);
  const at = 'pools[0].labels[0]';
  for (const [key, value] of [
    ['memory', 'much'],
    ['memory', '1M'],
    ['rw-overlay-size', '0'],
    ['path', '/srv/a:b'],
    ['path', '/srv/../etc'],
    ['path', '/var/lib/nodepool/runc/0000000001-x/rootfs'],
    ['home-dir', '/home/a b'],
    ['username', 'root'],
    ['username', 'a b'],
  ]) {
    t.strictSame(
      problems({}, { [String(key)]: value }),
      [`${at}.${String(key)}`],
      `${String(key)}: ${String(value)}`,
    );
  }
  t.end();
});
