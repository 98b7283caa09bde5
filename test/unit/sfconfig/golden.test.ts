import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { formatProblem } from '../../../src/errors.ts';
import { generateFiles } from '../../../src/sfconfig/generate.ts';
import { placesOf } from '../../../src/sfconfig/places.ts';
import { renderProviderFile } from '../../../src/sfconfig/provider-file.ts';
import { FIXTURES, optionsOf, readFixture } from '../../support/sfconfig.ts';

const publicKeys = { nodepool: 'ssh-rsa AAAA nodepool_rsa', zuul: 'ssh-rsa BBBB zuul_rsa' };

// With UPDATE_GOLDEN=1 the expected texts are written anew, to be read before they are committed.
const update = process.env.UPDATE_GOLDEN !== undefined;

for (const name of readdirSync(join(FIXTURES, 'good'))) {
  t.test(`writes what was reviewed for the architecture "${name}"`, async (t) => {
    const folder = join(FIXTURES, 'good', name);
    const { arch, settings, problems, notices } = await readFixture(folder);
    t.same(problems, []);
    const { enableInsecureSlaves } = settings;
    const input = {
      arch,
      settings,
      places: placesOf(optionsOf()),
      enableInsecureSlaves,
      packageFile: undefined,
      publicKeys,
    };
    const files = generateFiles(input, {});
    const found = new Map(files.map(({ path, content }) => [basename(path), content]));
    found.set('_local_hypervisor_runc.yaml', renderProviderFile(arch));
    found.set('notices.txt', notices.map((line) => `${line}\n`).join(''));

    const expected = join(folder, 'expected');
    if (update) {
      rmSync(expected, { recursive: true, force: true });
      mkdirSync(expected);
      for (const [file, content] of found) writeFileSync(join(expected, file), content);
    }
    t.same([...found.keys()].sort(), readdirSync(expected).sort());
    for (const [file, content] of found) t.equal(content, readFileSync(join(expected, file), 'utf8'), file);
    t.same(
      files.filter(({ mode }) => mode !== 0o644).map(({ path }) => basename(path)),
      name === 'production' ? ['all.yaml', 'clouds.yaml'] : ['all.yaml'],
      'files with secrets are private',
    );
  });
}

for (const name of readdirSync(join(FIXTURES, 'bad'))) {
  t.test(`names every mistake of the input "${name}" with file and line`, async (t) => {
    const folder = join(FIXTURES, 'bad', name);
    const { problems } = await readFixture(folder);
    const text = problems
      .map((problem) => `${formatProblem(problem).replaceAll(`${folder}/`, '')}\n`)
      .join('');
    const golden = join(folder, 'errors.txt');
    if (update) writeFileSync(golden, text);
    t.equal(text, readFileSync(golden, 'utf8'));
    t.not(text, '');
    t.notMatch(text, /hunter/, 'no secret is shown');
  });
}
