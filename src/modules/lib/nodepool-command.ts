/** The `nodepool` command of this host, which knows where the records are and how to ask for them. */
import { execFile } from 'node:child_process';
import { loadCommand } from './loaded-command.ts';
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

/**
 * Asks the command's code in this process where that is possible, which saves the start of another one; else starts it.
 * Throws ModuleError where the command does not exist or takes too long; a failure of it is an answer.
 */
export async function runNodepool(
  { command, config, secure, timeoutMs = TIMEOUT_MS }: CommandOptions,
  args: string[],
): Promise<Output> {
  const words = ['-c', config, ...(secure === undefined ? [] : ['-s', secure]), ...args];
  const answer = loadCommand(command);
  try {
    return await (answer ? inTime(answer(words), timeoutMs) : startProgram(command, words, timeoutMs));
  } catch (error) {
    throw new ModuleError(`${command}: ${(error as Error).message}; is the package sf-nodepool installed?`);
  }
}

/** What is too late goes on until this process ends. */
function inTime(answering: Promise<Output>, timeoutMs: number): Promise<Output> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate(timeoutMs)), timeoutMs);
    answering.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}

function startProgram(command: string, words: string[], timeoutMs: number): Promise<Output> {
  return new Promise((resolve, reject) => {
    const settings = { timeout: timeoutMs, killSignal: 'SIGKILL' as const, maxBuffer: 2 ** 28 };
    execFile(command, words, settings, (error, stdout, stderr) => {
      if (error === null) return resolve({ exitCode: 0, stdout, stderr });
      if (typeof error.code === 'number') return resolve({ exitCode: error.code, stdout, stderr });
      reject(error.killed ? tooLate(timeoutMs) : error);
    });
  });
}

const tooLate = (timeoutMs: number) => new Error(`no answer within ${timeoutMs / 1000} s`);

/** The same for commands that print JSON; throws ModuleError with the command's own words where it fails. */
export async function askNodepool<T>(options: CommandOptions, args: string[]): Promise<T> {
  const { exitCode, stdout, stderr } = await runNodepool(options, ['--format', 'json', ...args]);
  if (exitCode === 0) return JSON.parse(stdout) as T;
  throw new ModuleError(stderr.trim() || `nodepool ${args.join(' ')} ended with exit code ${exitCode}`);
}
