/** The `nodepool` command of this host, which knows where the records are and how to ask for them. */
import { execFile } from 'node:child_process';
import { ModuleError } from './run-module.ts';

const TIMEOUT_MS = 120_000;

export interface CommandOptions {
  command: string;
  config: string;
  secure?: string;
  /** 2 minutes. */
  timeoutMs?: number;
}

export interface Output {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Throws ModuleError where the command does not exist or takes too long; a failure of it is an answer. */
export function runNodepool(
  { command, config, secure, timeoutMs = TIMEOUT_MS }: CommandOptions,
  args: string[],
): Promise<Output> {
  const files = ['-c', config, ...(secure === undefined ? [] : ['-s', secure])];
  return new Promise((resolve, reject) => {
    const settings = { timeout: timeoutMs, killSignal: 'SIGKILL' as const, maxBuffer: 2 ** 28 };
    execFile(command, [...files, ...args], settings, (error, stdout, stderr) => {
      if (error === null) return resolve({ exitCode: 0, stdout, stderr });
      if (typeof error.code === 'number') return resolve({ exitCode: error.code, stdout, stderr });
      const reason = error.killed ? `no answer within ${timeoutMs / 1000} s` : error.message;
      reject(new ModuleError(`${command}: ${reason}; is the package sf-nodepool installed?`));
    });
  });
}

/** The same for commands that print JSON; throws ModuleError with the command's own words where it fails. */
export async function askNodepool<T>(options: CommandOptions, args: string[]): Promise<T> {
  const { exitCode, stdout, stderr } = await runNodepool(options, ['--format', 'json', ...args]);
  if (exitCode === 0) return JSON.parse(stdout) as T;
  throw new ModuleError(stderr.trim() || `nodepool ${args.join(' ')} ended with exit code ${exitCode}`);
}
