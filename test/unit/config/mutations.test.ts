import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { loadConfig } from '../../../src/config/load.ts';
import { loadStateLocation } from '../../../src/config/state-location.ts';
import { ConfigError } from '../../../src/errors.ts';
import { fixtures } from './fixtures.ts';
import { drivers } from './test-drivers.ts';

const samples = [...fixtures('good'), ...fixtures('bad')].map(({ path }) => readFileSync(path, 'utf8'));
const pieces = [
  '- ', ': ', '\n', '  ', '{', '}', '[', ']', '"', "'", '&a ', '*a', '<<: ', '!!x ', '%', '---\n', '|\n', '#', '\t',
  '\u0000', '~', '-1', '.nan', '1e999', '%(NODEPOOL_A)', 'null', 'providers:', 'x-y', '__proto__: ', '\u2028', '💥',
]; // prettier-ignore

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.nat(12),
  insert: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 6 })),
});

const mutated = fc
  .tuple(fc.constantFrom(...samples), fc.array(mutation, { minLength: 1, maxLength: 5 }))
  .map(([text, mutations]) =>
    mutations.reduce((result, { at, remove, insert }) => {
      const start = Math.floor(at * result.length);
      return result.slice(0, start) + insert + result.slice(start + remove);
    }, text),
  );

t.test('whatever the files contain, either they load or every mistake has a place and words', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'nodepool.yaml');
  const securePath = join(folder, 'secure.conf');
  await fc.assert(
    fc.asyncProperty(mutated, mutated, async (main, secure) => {
      await Promise.all([writeFile(path, main), writeFile(securePath, secure)]);
      const env = { NODEPOOL_A: 'x: [' };
      for (const load of [loadConfig, loadStateLocation]) {
        await load({ path, securePath, drivers, env }).catch((error: unknown) => {
          if (!(error instanceof ConfigError)) throw error;
          for (const { file, line, expected, found } of error.problems) {
            const lines = file === path ? main : secure;
            if (line !== undefined && (line < 1 || line > lines.split('\n').length))
              throw new Error(`line ${line}`);
            if (expected === '' || found === '' || /[\n\r]/.test(error.message.replaceAll('\n', '')))
              throw error;
          }
        });
      }
    }),
    { numRuns: 150 },
  );
});
