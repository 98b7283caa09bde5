import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { splitWords } from '../../../src/dib/split-words.ts';

t.test('splits as a shell does', async (t) => {
  const cases: [line: string, words: string[]][] = [
    ['', []],
    ['  a  b ', ['a', 'b']],
    [`a 'b c' "d \\"e\\" $f"`, ['a', 'b c', 'd "e" $f']],
    [`x'y'"z"\\ w`, ['xyz w']],
    [`'' ""`, ['', '']],
    ['a\\\nb', ['ab']],
  ];
  for (const [line, words] of cases) t.same(splitWords(line), words, JSON.stringify(line));
  for (const line of ["sh -c 'exit", 'a "b', 'a\\']) t.throws(() => splitWords(line), /is not closed/);
});

t.test('agrees with sh on every line that it takes', async (t) => {
  const piece = fc.constantFrom('a', 'b', ' ', "'c d'", '"e f"', '"\\"g"', '\\ ', "'\"'", '"\'"', "''");
  const lines = fc.sample(
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
    150,
  );
  const script = lines.map((line) => `printf '%s\\0' ${line} end; printf '\\n\\0'`).join('\n');
  const printed = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\n\0').slice(0, -1);
  t.same(
    lines.map((line) => [...splitWords(line), 'end'].join('\0') + '\0'),
    printed,
  );
});
