/** The hooks of a local config repository: what is proposed has no effect, what reaches master is checked and applied. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { postUpdateHook, updateHook } from '../../../src/sfconfig/hooks.ts';
import { tempDir } from '../../support/temp.ts';

const NODEPOOL = fileURLToPath(new URL('../../../src/bin/nodepool.ts', import.meta.url));

const image = (more = '') => `diskimages:\n  - name: debian\n    elements: [debian-minimal]\n${more}`;

function openRepository(t: Test) {
  const dir = tempDir(t);
  const [bare, work, programs] = [join(dir, 'config.git'), join(dir, 'work'), join(dir, 'bin')];
  const applied = join(dir, 'applied');
  mkdirSync(programs);
  const program = (name: string, text: string) =>
    writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  program('ansible-playbook', `echo "$1" >>${applied}`);
  program('nodepool', `exec ${process.execPath} --import ${import.meta.resolve('tsx')} ${NODEPOOL} "$@"`);
  const env = {
    ...process.env,
    PATH: `${programs}:${process.env['PATH'] ?? ''}`,
    HOME: dir,
    GIT_AUTHOR_NAME: 'somebody',
    GIT_AUTHOR_EMAIL: 'somebody@example.org',
    GIT_COMMITTER_NAME: 'somebody',
    GIT_COMMITTER_EMAIL: 'somebody@example.org',
  };
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', work, ...args], { env, encoding: 'utf8', stdio: 'pipe' });
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch', 'master', bare], { env });
  execFileSync('git', ['clone', '--quiet', bare, work], { env, stdio: 'pipe' });
  git('checkout', '--quiet', '-B', 'master');
  const paths = {
    ansibleConfig: join(dir, 'ansible.cfg'),
    updatePlaybook: '/srv/update.yml',
    lockFile: join(dir, 'lock'),
    logFile: join(dir, 'ansible.log'),
    nodepool: join(programs, 'nodepool'),
    launchers: ['launcher.example.org'],
  };
  writeFileSync(join(bare, 'hooks/update'), updateHook(paths), { mode: 0o755 });
  writeFileSync(join(bare, 'hooks/post-update'), postUpdateHook(paths), { mode: 0o755 });
  mkdirSync(join(work, 'nodepool'));
  return {
    git,
    /** Commits a file with images and pushes it to the branch; the exit code of the push, and what it said. */
    push(branch: string, text: string) {
      writeFileSync(join(work, 'nodepool/images.yaml'), text);
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '--message', 'Change images');
      const args = ['-C', work, 'push', '--quiet', 'origin', `HEAD:${branch}`];
      const { status, stderr } = spawnSync('git', args, { env, encoding: 'utf8' });
      return { code: status, stderr };
    },
    applied: () => (existsSync(applied) ? readFileSync(applied, 'utf8').trim().split('\n') : []),
    master: () => spawnSync('git', ['-C', bare, 'rev-parse', 'master'], { encoding: 'utf8' }).stdout.trim(),
  };
}

t.test(
  'an image that is only proposed has no effect; one that is merged is applied, a bad one refused',
  async (t) => {
    const repository = openRepository(t);
    t.equal(repository.push('master', image()).code, 0);
    t.same(repository.applied(), ['/srv/update.yml'], 'what is merged is applied');
    const before = repository.master();

    const proposed = repository.push('proposal', image('    release: bookworm\n'));
    t.equal(proposed.code, 0, proposed.stderr);
    t.equal(repository.push('refs/changes/1', image('    formats: nonsense: [\n')).code, 0);
    t.equal(repository.applied().length, 1, 'nothing happens before it is merged');
    t.equal(repository.master(), before);

    const refused = repository.push('master', image('    no-such-key: 1\n'));
    t.not(refused.code, 0);
    t.match(refused.stderr, /images\.yaml:4: .*no-such-key/);
    t.equal(repository.master(), before, 'the branch stays where it was');
    t.equal(repository.applied().length, 1);

    repository.git('reset', '--quiet', '--hard', 'origin/proposal');
    t.equal(repository.push('master', image('    release: bookworm\n')).code, 0);
    t.equal(repository.applied().length, 2);
  },
);
