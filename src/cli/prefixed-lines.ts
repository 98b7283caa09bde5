import { Writable } from 'node:stream';

/** Writes whole lines to `out`, each with the prefix in front, so that the output of several nodes does not mix. */
export function prefixedLines(out: Writable, prefix: string): Writable {
  let rest = '';
  const decoder = new TextDecoder();
  return new Writable({
    write(chunk: Buffer, _, done) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length === 0) return done();
      out.write(lines.map((line) => `${prefix}${line}\n`).join(''), () => done());
    },
    final(done) {
      if (rest === '') return done();
      out.write(`${prefix}${rest}\n`, () => done());
    },
  });
}
