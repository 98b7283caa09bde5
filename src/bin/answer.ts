import { Readable, Writable } from 'node:stream';
import { runCommandLine } from './command-line.ts';

export interface Answer {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command line in the process of whoever asks: `answer(['--format', 'json', 'list'])`. What it prints and logs is in
 * the answer; its input is empty. Verbs that hand the terminal on to another program, such as `ssh`, are not for this.
 */
export async function answer(argv: readonly string[]): Promise<Answer> {
  const [stdout, stderr] = [collect(), collect()];
  const io = { stdin: Readable.from([]), stdout: stdout.stream, stderr: stderr.stream, env: process.env };
  const exitCode = await runCommandLine(argv, { io, signal: new AbortController().signal });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function collect(): { stream: Writable; text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}
