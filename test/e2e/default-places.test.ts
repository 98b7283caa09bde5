import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { tempDir } from '../support/temp.ts';

const DIST = join(import.meta.dirname, '../../dist/bin');
const skip = process.getuid?.() === 0 ? false : 'needs root for mounts of its own';

const CONFIG = `
labels:
  - name: small
providers:
  - name: cloud
    driver: fake
    pools:
      - name: main
        labels: [{ name: small }]
`;

/** Runs a shell script with /etc, /var/log and /var/lib of its own, which nobody else sees; `$dist` has the programs. */
function runAside(t: Test, script: string) {
  const dir = tempDir(t);
  writeFileSync(join(dir, 'nodepool.yaml'), CONFIG);
  const aside =
    'set -e; cp -a /etc "$dir/etc"; mount --bind "$dir/etc" /etc; ' +
    'mount -t tmpfs tmpfs /var/log; mount -t tmpfs tmpfs /var/lib; rm -rf /etc/nodepool; mkdir /etc/nodepool /var/log/nodepool; ';
  const env = { dir, dist: `${process.execPath} ${DIST}` };
  const words = ['--mount', '--pid', '--fork', '--mount-proc', 'sh', '-c', aside + script];
  return execa('unshare', words, { env, reject: false, all: true, timeout: 60_000 });
}

t.test('without options, launcher and command use the documented places', { skip }, async (t) => {
  const { all, exitCode } = await runAside(
    t,
    `cp "$dir/nodepool.yaml" /etc/nodepool/
    $dist/nodepool-launcher.js -f >/dev/null & launcher=$!
    $dist/nodepool.cjs request small --wait --timeout 30
    $dist/nodepool.cjs list
    cat /var/log/nodepool/launcher.log; ls -d /var/lib/nodepool/state
    kill $launcher; wait $launcher`,
  );
  t.equal(exitCode, 0, all);
  t.match(all, /\| small .*\| ready /);
  t.match(all, /launcher started/, '/var/log/nodepool/launcher.log grows');
  t.match(all, /request fulfilled/);
  t.match(all, /^\/var\/lib\/nodepool\/state$/m);
});

t.test('without /etc/nodepool/nodepool.yaml, both say that it is not there', { skip }, async (t) => {
  for (const command of ['nodepool-launcher.js -f', 'nodepool.cjs config-validate']) {
    const { all, exitCode } = await runAside(t, `$dist/${command}`);
    t.equal(exitCode, 1, command);
    t.match(all, '/etc/nodepool/nodepool.yaml');
  }
});

t.test(
  'the user that owns the state needs no root to list nodes, and nobody else can',
  { skip },
  async (t) => {
    const { all, exitCode } = await runAside(
      t,
      `cp "$dir/nodepool.yaml" /etc/nodepool/; chmod 755 "$dir" /var/lib
    as() { user=$1; shift; env -u NODE_OPTIONS setpriv --reuid=$user --regid=$user --clear-groups "$@"; }
    mkdir -p /var/lib/nodepool; chown 4242:4242 /var/lib/nodepool
    as 4242 $dist/nodepool.cjs list && echo the owner may
    $dist/nodepool.cjs list && echo root may
    as 4242 $dist/nodepool.cjs list && echo the owner still may
    as 4343 $dist/nodepool.cjs list || echo others may not`,
    );
    t.equal(exitCode, 0, all);
    for (const wanted of ['the owner may', 'root may', 'the owner still may', 'others may not'])
      t.match(all, wanted);
    t.notMatch(all, /\n\s+at /, 'no stack trace');
  },
);
