import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/errors.ts';
import { fixtures } from './fixtures.ts';
import { drivers } from './test-drivers.ts';

// With UPDATE_GOLDEN=1 the expected texts are written anew, to be read before they are committed.
for (const { name, folder, path, securePath, env } of fixtures('bad')) {
  t.test(`names every mistake of the sample "${name}"`, async (t) => {
    const error = await loadConfig({ path, securePath, drivers, env }).then(
      () => t.fail('it loaded'),
      (reason: unknown) => reason,
    );
    t.ok(error instanceof ConfigError);
    const text = `${(error as ConfigError).message.replaceAll(`${folder}/`, '')}\n`;
    const golden = join(folder, 'errors.txt');
    if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text);
    t.equal(text, readFileSync(golden, 'utf8'));
    t.notMatch(text, /secret-(one|two|three|four|five|port)|hunter2|12345/, 'no secret is shown');
  });
}
