import t from 'tap';
import { renderShellBundle } from '../../../src/runc/shell-bundle.ts';

t.test('a container to look at an image has all its files, and the fences of a node', async (t) => {
  const bundle = renderShellBundle({
    id: 'look',
    rootfs: '/srv/rootfs',
    command: ['/bin/sh'],
    terminal: true,
    term: 'vt100',
    architecture: 'x86_64',
  }) as {
    mounts: { destination: string; type: string }[];
    linux: { namespaces: { type: string }[]; seccomp: object };
    process: { env: string[] };
  };
  t.match(bundle, {
    hostname: 'look',
    root: { path: '/srv/rootfs', readonly: false },
    process: { terminal: true, args: ['/bin/sh'], user: { uid: 0, gid: 0 } },
  });
  t.ok(bundle.process.env.includes('TERM=vt100'));
  t.same(
    bundle.mounts.filter(({ type }) => type === 'bind'),
    [],
    'nothing of this machine is in it',
  );
  t.notOk(bundle.mounts.some(({ destination }) => ['/root', '/home', '/etc/ssh'].includes(destination)));
  t.ok(bundle.linux.namespaces.some(({ type }) => type === 'pid'));
  t.ok(bundle.linux.seccomp);
  t.notMatch(JSON.stringify(bundle), 'CAP_SYS_ADMIN');
});
