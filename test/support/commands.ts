/** The programs as processes of their own: one launcher, and any number of `nodepool` commands beside it. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { tempDir } from './temp.ts';

const TSX = import.meta.resolve('tsx');
const pathOf = (program: string) => fileURLToPath(new URL(`../../src/bin/${program}.ts`, import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Everything written so far. */
  output(): string;
  /** Resolves when the output matches. */
  wrote(pattern: RegExp): Promise<void>;
}

export interface Programs {
  dir: string;
  configFile: string;
  /** The launcher's log so far. */
  log(): string;
  /** Runs a command to its end. */
  nodepool(argv: readonly string[], options?: SpawnOptions & { input?: string }): Promise<Ended>;
  start(argv: readonly string[], options?: SpawnOptions): Running;
  /** A line for bash in which `nodepool` is the command. */
  bash(line: string, options?: { input?: string }): Promise<Ended>;
}

/** Starts a launcher on a new state directory; `yaml` is the configuration without `state-dir`. Ends with the test. */
export async function startPrograms(t: Test, yaml: string): Promise<Programs> {
  const dir = tempDir(t);
  const configFile = join(dir, 'nodepool.yaml');
  writeFileSync(configFile, `state-dir: ${dir}/state\n${yaml}`);
  const node = [process.execPath, '--import', TSX];
  const launcher = run([
    ...node,
    pathOf('nodepool-launcher'),
    '--no-webapp',
    '-f',
    '-c',
    configFile,
    '--log-file',
    'none',
  ]);
  t.teardown(async () => {
    launcher.child.kill('SIGTERM');
    await launcher.ended;
  });
  await launcher.wrote(/launcher started/);

  const command = [...node, pathOf('nodepool'), '-c', configFile];
  const start: Programs['start'] = (argv, options) => {
    const running = run([...command, ...argv], options);
    t.teardown(async () => {
      running.child.kill('SIGKILL');
      await running.ended;
    });
    return running;
  };
  return {
    dir,
    configFile,
    log: launcher.output,
    start,
    nodepool(argv, { input = '', ...options } = {}) {
      const running = run([...command, ...argv], options);
      running.child.stdin?.end(input);
      return running.ended;
    },
    bash(line, { input = '' } = {}) {
      writeFileSync(join(dir, 'nodepool'), `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`, { mode: 0o755 });
      const running = run(['bash', '-c', line], {
        env: { ...process.env, PATH: `${dir}:${process.env.PATH ?? ''}` },
      });
      running.child.stdin?.end(input);
      return running.ended;
    },
  };
}

function run([program = '', ...args]: readonly string[], options: SpawnOptions = {}): Running {
  const child = spawn(program, args, { stdio: 'pipe', ...options });
  const written = { stdout: '', stderr: '', all: '' };
  let check = () => {};
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
      written.all += text;
      check();
    });
  }
  child.stdin?.on('error', () => undefined);
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...written }));
  return {
    child,
    ended,
    output: () => written.all,
    wrote: (pattern) =>
      new Promise((resolve, reject) => {
        const fail = (what: string) =>
          reject(new Error(`${what} without writing ${pattern.source}: ${written.all}`));
        const deadline = setTimeout(() => fail('60 s passed'), 60_000);
        const before = check;
        check = () => {
          before();
          if (!pattern.test(written.all)) return;
          clearTimeout(deadline);
          resolve();
        };
        check();
        void ended.then(() => {
          clearTimeout(deadline);
          fail(`${program} ${args.join(' ')} ended`);
        });
      }),
  };
}
