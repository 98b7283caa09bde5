/** Runs programs: quietly for the work behind the scenes, and shown to the person with what they print. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Place } from './place.ts';
import type { Screen } from './screen.ts';

const DIST = join(import.meta.dirname, '../../dist/bin');
const LIMIT_MS = 60_000;

export const launcherProgram = join(DIST, 'nodepool-launcher.js');
export const nodepoolProgram = join(DIST, 'nodepool.cjs');

export class ProgramFailed extends Error {
  readonly output: string;
  constructor(command: string, why: string, output: string) {
    super(`${command}: ${why}`);
    this.output = output;
  }
}

export interface RunOptions {
  signal?: AbortSignal | undefined;
  env?: Record<string, string>;
  /** Without what it says on standard error: for output that a program reads. */
  onlyStdout?: boolean;
}

/** What the program prints, on both outputs unless told otherwise; throws ProgramFailed when its exit code is not 0. */
export async function run(
  program: string,
  args: readonly string[],
  { signal, env = {}, onlyStdout = false }: RunOptions = {},
): Promise<string> {
  const result = await execa(program, args, {
    all: true,
    stdin: 'ignore',
    timeout: LIMIT_MS,
    forceKillAfterDelay: 2000,
    env,
    reject: false,
    ...(signal && { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  if (!result.failed) return onlyStdout ? result.stdout : (result.all ?? '');
  const why =
    result.exitCode === undefined ? (result.shortMessage ?? 'it failed') : `exit code ${result.exitCode}`;
  throw new ProgramFailed(program, why, result.all ?? '');
}

export function assertBuilt(): void {
  if (existsSync(launcherProgram) && existsSync(nodepoolProgram)) return;
  throw new Error('the programs are not built yet; npm run quickstart does it, or npm run build');
}

/** `nodepool` on the state of this place. */
export function nodepool(place: Place, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const env = { NODEPOOL_SSH_KEY: place.key, ...options.env };
  return run(process.execPath, [nodepoolProgram, '-c', place.config, ...args], { ...options, env });
}

export interface Node {
  id: string;
  server_id: string | null;
  state: string;
  connection_port: number;
}

export async function listNodes(place: Place, options: RunOptions = {}): Promise<Node[]> {
  const text = await nodepool(place, ['--format', 'json', 'list'], { ...options, onlyStdout: true });
  return JSON.parse(text) as Node[];
}

/** Shows the command as a person would type it, then what it prints. */
export async function show(screen: Screen, words: readonly string[], work: Promise<string>): Promise<string> {
  screen.command(words.map(quote).join(' '));
  try {
    const output = await work;
    screen.output(output);
    return output;
  } catch (error) {
    if (error instanceof ProgramFailed) screen.output(error.output);
    throw error;
  }
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`;
}
