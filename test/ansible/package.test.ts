import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import t from 'tap';
import { describeMachine } from '../../scripts/package/machine.ts';
import { renderPage } from '../../scripts/package/man-pages.ts';
import { tempDir } from '../support/temp.ts';

const script = fileURLToPath(new URL('../../scripts/package.ts', import.meta.url));
const unable = await describeMachine().then(
  () => false as const,
  (error: Error) => error.message,
);

t.test('the package runs by itself, and says what it is', { skip: unable }, async (t) => {
  const output = tempDir(t);
  const make = ['--import=tsx', script, '--version', '1.2.3', '--output', output];
  const { stdout } = await execa(process.execPath, make, { timeout: 240_000 });
  const files = stdout.split('\n');
  const tarball = files.find((file) => file.endsWith('.tar.gz')) ?? 'none';
  const root = join(output, 'root');
  mkdirSync(root);
  await execa('tar', ['-xzf', tarball, '-C', root]);

  const home = join(root, 'usr/lib/nodepool');
  const run = (command: string, ...args: string[]) =>
    execa(join(home, 'bin/node'), [join(home, 'dist/bin', command), ...args], {
      env: { PATH: '/usr/bin:/bin' },
      extendEnv: false,
      timeout: 60_000,
    });
  for (const daemon of ['nodepool-launcher.js', 'nodepool-builder.js'])
    t.match((await run(daemon, '--version')).stdout, '1.2.3');
  const config = join(output, 'nodepool.yaml');
  writeFileSync(config, `state-dir: ${output}/state\nlabels: []\nproviders: []\n`);
  t.equal((await run('nodepool.cjs', '-c', config, '--format', 'json', 'list')).stdout, '[]', 'its native parts load');
  // As modules ask it.
  const ask = `require(${JSON.stringify(join(home, 'dist/bin/nodepool.cjs'))}).answer(['-c', ${JSON.stringify(config)}, 'list'])`;
  const { stdout: asked } = await execa(join(home, 'bin/node'), ['-e', `${ask}.then(console.log)`]);
  t.match(asked, /exitCode: 0/);

  const { stdout: listed } = await execa('tar', ['-tvzf', tarball]);
  t.match(listed, /root\/root .* \.\/usr\/bin\/nodepool -> \.\.\/lib\/nodepool\/dist\/bin\/nodepool\.cjs/);
  for (const daemon of ['launcher', 'builder'])
    t.match(listed, `./usr/lib/systemd/system/nodepool-${daemon}.service`);
  t.match(listed, './usr/share/man/man1/nodepool.1.gz');
  t.match(listed, './usr/share/nodepool/ansible_collections/softwarefactory/nodepool/plugins/modules/runc_info.cjs');
  t.match(listed, './usr/share/sf-elements/zuul-user/post-install.d/50-zuul-user');

  const deb = files.find((file) => file.endsWith('.deb'));
  if (deb === undefined) return;
  t.match((await execa('dpkg-deb', ['--field', deb])).stdout, /Package: sf-nodepool\nVersion: 1\.2\.3\n/);
  await execa('dpkg-deb', ['--control', deb, join(output, 'control')]);
  t.match(
    (await execa('cat', [join(output, 'control/conffiles')])).stdout,
    '/etc/logrotate.d/nodepool\n/etc/nodepool/builder-logging.yaml\n/etc/nodepool/launcher-logging.yaml',
  );
});

t.test('a version that is none is refused', async (t) => {
  const { exitCode, stderr } = await execa(
    process.execPath,
    ['--import=tsx', script, '--version', 'newest'],
    { reject: false, timeout: 60_000 },
  );
  t.equal(exitCode, 2);
  t.match(stderr, 'expected a version such as 1.2.3, found "newest"');
});

t.test('a manual page is what the command says of itself', async (t) => {
  const help = 'Usage: tool [options]\n\nDoes things. All of them.\n\nOptions:\n  -x  a \\ and\n.dots\n\'quotes';
  const page = renderPage({ command: 'tool', section: 8, version: '1', help, verbs: [{ verb: 'go', help: 'Goes.' }] });
  t.match(page, '.TH TOOL 8 "" "sf-nodepool 1" "Nodepool"');
  t.match(page, 'tool \\- does things. All of them\n');
  t.match(page, '\n  \\-x  a \\e and\n\\&.dots\n\\&\'quotes\n');
  t.match(page, '\n.SH GO\n.nf\nGoes.\n.fi\n');
});
