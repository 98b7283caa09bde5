import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { createDrivers } from '../../../src/bin/drivers.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { STAND_IN } from '../../support/builder.ts';
import { openCli } from '../../support/cli.ts';
import { tempDir } from '../../support/temp.ts';

const ONE_ELEMENT = { env: { PATH: `${dirname(STAND_IN)}:${process.env['PATH'] ?? ''}` } };

t.test('builds elements; its own and those of a config repository are found, in this order', async (t) => {
  const cli = await openCli(t);
  const dir = tempDir(t);
  const repository = join(dir, 'config');
  mkdirSync(join(repository, 'nodepool/elements/mine'), { recursive: true });
  mkdirSync(join(dir, 'ssh'));
  writeFileSync(join(dir, 'ssh/zuul_rsa.pub'), '');
  const env = {
    ...ONE_ELEMENT.env,
    TMPDIR: dir,
    DIB_IMAGE_NAME: 'x',
    NODEPOOL_SSH_DIR: join(dir, 'ssh'),
    STAND_IN_ENV: join(dir, 'env'),
  };
  const output = join(dir, 'test');
  const argv = [
    'image-local',
    'zuul-user',
    'mine',
    '--output',
    output,
    '--type',
    'tar,raw',
    '--config-repo',
    repository,
  ];
  const { code, stdout, stderr } = await cli.run(argv, { env });
  t.equal(code, 0, stderr);
  t.match(stdout, `disk-image-create -t tar,raw -o ${output} zuul-user mine`);
  t.match(stdout, `${output}.raw is ready`);
  t.match(stderr, 'Building elements: zuul-user mine', 'the output of the build is shown');
  t.ok(existsSync(`${output}.tar`));
  const path = /^ELEMENTS_PATH=(.*)$/m.exec(readFileSync(join(dir, 'env'), 'utf8'))?.[1]?.split(':') ?? [];
  t.equal(path[0], join(repository, 'nodepool/elements'));
  t.ok(path.some((place) => existsSync(join(place, 'zuul-user'))));
});

t.test('builds a configured image with its variables', async (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'nodepool.yaml');
  writeFileSync(
    path,
    JSON.stringify({
      'state-dir': dir,
      diskimages: [
        {
          name: 'debian',
          elements: ['vm'],
          release: 'bookworm',
          formats: ['raw'],
          'env-vars': { COLOUR: 'red' },
        },
      ],
    }),
  );
  const config = await loadConfig({ path, securePath: undefined, drivers: createDrivers(), env: {} });
  const cli = await openCli(t, { config });
  const env = { ...ONE_ELEMENT.env, TMPDIR: dir, STAND_IN_ENV: join(dir, 'env') };
  const { code, stdout, stderr } = await cli.run(['image-local', 'debian', '--output', join(dir, 'out')], {
    env,
  });
  t.equal(code, 0, stderr);
  t.match(stdout, `-t raw -o ${join(dir, 'out')} vm`);
  t.match(readFileSync(join(dir, 'env'), 'utf8'), /^COLOUR=red$/m);
  t.match(readFileSync(join(dir, 'env'), 'utf8'), /^DIB_RELEASE=bookworm$/m);
});

t.test('names all programs and files that are missing, and builds nothing', async (t) => {
  const cli = await openCli(t);
  const dir = tempDir(t);
  const env = { PATH: dir, NODEPOOL_SSH_DIR: join(dir, 'ssh'), NODEPOOL_SCRIPTDIR: join(dir, 'scripts') };
  const argv = ['image-local', 'nodepool-minimal', 'zuul-worker-user', '--output', join(dir, 'test')];
  const { code, stderr } = await cli.run(argv, { env });
  t.equal(code, 1);
  t.match(stderr, 'disk-image-create is not installed (Debian: python3-diskimage-builder)');
  t.match(
    stderr,
    `${dir}/ssh/id_rsa.pub does not exist; nodepool-minimal needs it: the public key of Nodepool`,
  );
  t.match(
    stderr,
    `${dir}/scripts does not exist; nodepool-minimal needs it: a directory, which may be empty`,
  );
  t.match(stderr, `${dir}/ssh/zuul_rsa.pub does not exist; zuul-login needs it`);
});

t.test('a failed build has its exit code, a repository without elements is told', async (t) => {
  const cli = await openCli(t);
  const dir = tempDir(t);
  const env = { ...ONE_ELEMENT.env, TMPDIR: dir, DIB_IMAGE_NAME: 'x', STAND_IN_EXIT: '7' };
  const failed = await cli.run(['image-local', 'vm', '--output', join(dir, 'test'), '--type', 'raw'], {
    env,
  });
  t.equal(failed.code, 7);
  t.match(failed.stderr, 'Unable to locate package');
  t.notMatch(failed.stdout, 'is ready');
  const none = await cli.run(['image-local', 'vm', '--config-repo', dir], { env });
  t.match(none, { code: 1, stderr: `${dir} has no elements` });
});
