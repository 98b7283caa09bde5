/** disk-image-create as one calls it by hand while writing an element. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ELEMENTS, skipBuilds } from '../support/dib/real.ts';
import { tempDir } from '../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const skip = skipBuilds();

t.test(
  'an element that was edited is in the next image; the image before stays beside it',
  { skip },
  async (t) => {
    const dir = tempDir(t);
    const own = join(dir, 'elements');
    const build = (elementsPath: string) => {
      const args = ['-t', 'raw', '--no-tmpfs', '-o', 'test', 'host-os', 'mine'];
      const env = {
        ...process.env,
        HOME: dir,
        TMPDIR: dir,
        ELEMENTS_PATH: elementsPath,
        DIB_JOURNAL_SIZE: '8',
      };
      const { status, stdout, stderr } = spawnSync('disk-image-create', args, {
        cwd: dir,
        env,
        encoding: 'utf8',
      });
      return { code: status, output: stdout + stderr };
    };
    const write = (text: string) => {
      mkdirSync(join(own, 'mine/install.d'), { recursive: true });
      const hook = `#!/bin/bash\necho '${text}' >/mine\n`;
      writeFileSync(join(own, 'mine/install.d/50-mine'), hook, { mode: 0o755 });
    };
    const contentOf = (file: string) =>
      execFileSync('debugfs', ['-R', 'cat /mine', join(dir, file)], { encoding: 'utf8', stdio: 'pipe' });

    write('first');
    const first = build(`${own}:${ELEMENTS.test}`);
    t.equal(first.code, 0, first.output.slice(-2000));
    t.equal(contentOf('test.raw'), 'first\n');
    write('second');
    const second = build(`${own}:${ELEMENTS.test}`);
    t.equal(second.code, 0, second.output.slice(-2000));
    t.equal(contentOf('test.raw'), 'second\n');
    const old = readdirSync(dir).filter((name) => /^test.*raw/.test(name) && name !== 'test.raw');
    t.equal(old.length, 1, old.join(' '));
    t.match(old[0], /^test-\d{4}\.\d\d\.\d\d-/, 'its name says when it was put aside');
    t.equal(contentOf(old[0] ?? ''), 'first\n');

    const wrong = build(`${own}:${join(dir, 'absent')}:${ELEMENTS.test}`);
    t.not(wrong.code, 0);
    t.match(wrong.output, join(dir, 'absent'), 'a directory that is not there is named');
  },
);
