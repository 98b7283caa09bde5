import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { renderBundle, renderBundleAroundPort, type BundleSpec } from '../../../src/runc/bundle.ts';

const golden = new URL('../../fixtures/runc/config.json', import.meta.url);

const spec: BundleSpec = {
  id: '0000000412-debian-200-0000000017',
  paths: { base: '/var/lib/nodepool/runc', hostRootfs: '/srv/host-rootfs', run: '/run/runc' },
  path: '/',
  rootfs: { sshd: '/usr/sbin/sshd', has: new Set(['/home', '/var/log', '/var/backups']) },
  overlay: false,
  sudo: false,
  homeDir: '/home/zuul-worker',
  consoleDir: '/tmp',
  limits: { pids: 4096, memoryBytes: 2 * 1024 ** 3, cpus: 1.5 },
  hiddenPaths: ['/opt/secret'],
  annotations: { 'org.nodepool.provider': 'runc-farm' },
  architecture: 'x86_64',
  maxOpenFiles: Infinity,
};

interface Rendered {
  process: { capabilities: Record<string, string[]>; noNewPrivileges: boolean; rlimits: { hard: number }[] };
  root: { path: string; readonly: boolean };
  mounts: { destination: string; source: string; options: string[] }[];
  linux: { maskedPaths: string[]; resources: Record<string, unknown>; seccomp?: unknown };
}

const render = (change: Partial<BundleSpec> = {}) =>
  renderBundle({ ...spec, ...change }, '22022') as Rendered;

t.test('the whole config.json is as reviewed', (t) => {
  if (process.env['UPDATE_GOLDEN'])
    writeFileSync(golden, JSON.stringify(renderBundle(spec, '22022'), null, 2));
  t.strictSame(
    JSON.parse(JSON.stringify(renderBundle(spec, '22022'))),
    JSON.parse(readFileSync(golden, 'utf8')),
    'UPDATE_GOLDEN=1 writes test/fixtures/runc/config.json anew; then review it',
  );
  t.end();
});

t.test('the port is the only thing that the agent fills in', (t) => {
  const [head, tail] = renderBundleAroundPort(spec);
  t.same(JSON.parse(`${head}22022${tail}`), renderBundle(spec, '22022'));
  t.throws(() => renderBundleAroundPort({ ...spec, homeDir: '/home/@port@' }), /port once/);
  t.end();
});

t.test('a writable copy lets sudo work, and gives nothing that reaches the hypervisor', (t) => {
  const plain = render();
  const overlay = render({ overlay: true, sudo: true });
  t.strictSame([plain.root.readonly, plain.process.noNewPrivileges], [true, true]);
  t.strictSame([overlay.root.readonly, overlay.process.noNewPrivileges], [false, false]);
  for (const { process } of [plain, overlay]) {
    for (const set of Object.values(process.capabilities)) {
      for (const name of [
        'SYS_ADMIN',
        'SYS_MODULE',
        'SYS_PTRACE',
        'SYS_RAWIO',
        'MKNOD',
        'NET_ADMIN',
        'NET_RAW',
      ]) {
        t.notOk(set.includes(`CAP_${name}`), name);
      }
    }
    t.notOk('ambient' in process.capabilities || 'inheritable' in process.capabilities);
  }
  t.end();
});

t.test("secrets are hidden in the hypervisor's own files, not in a rootfs that was made for jobs", (t) => {
  t.ok(render().linux.maskedPaths.includes('/var/lib/nodepool'));
  const custom = render({ path: '/srv/fedora' });
  t.notOk(custom.linux.maskedPaths.includes('/var/lib/nodepool'));
  t.ok(custom.linux.maskedPaths.includes('/opt/secret'), 'but what the label names is');
  t.notOk(custom.mounts.some(({ destination }) => destination === '/home'));
  t.end();
});

t.test('limits follow the label and the hypervisor', (t) => {
  t.strictSame(render({ limits: { pids: 100 } }).linux.resources, {
    devices: [{ allow: false, access: 'rwm' }],
    pids: { limit: 100 },
  });
  t.equal(render({ maxOpenFiles: 20_000 }).process.rlimits[0]?.hard, 20_000);
  t.equal(render({ architecture: 'unknown' }).linux.seccomp, undefined);
  t.end();
});

t.test('nothing of the hypervisor is mounted but its own bundle', (t) => {
  for (const change of [{}, { overlay: true }, { path: '/srv/fedora' }, { consoleDir: '/var/tmp/zuul' }]) {
    for (const { options, source } of render(change).mounts) {
      t.ok(options[0] !== 'bind' || source.startsWith(`/var/lib/nodepool/runc/${spec.id}/`), source);
      t.ok(options.includes('nosuid'), source);
    }
  }
  t.end();
});
