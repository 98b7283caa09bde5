/** Private keys with which a node may be entered. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_NOT_RUN, Failure } from './failure.ts';
import type { Tools } from './verb.ts';

export interface Identities {
  /** Readable key files, the most likely one first. */
  files: readonly { path: string; key: Buffer }[];
  /** Socket of the ssh agent. */
  agent: string | undefined;
  /** Where keys were looked for and why they cannot be used, for the error when none opens the node. */
  tried: readonly string[];
  /** The key was named with -i or NODEPOOL_SSH_KEY: no other one is to be tried. */
  explicit: boolean;
}

const ZUUL_KEY = '/var/lib/zuul/.ssh/id_rsa';
/** Zuul's key where sfconfig has made it: on the install-server, for root. */
const KEY_OF_SFCONFIG = '/var/lib/software-factory/bootstrap-data/ssh_keys/zuul_rsa';

/** Throws Failure when a key that was named cannot be read, or when there is none at all. */
export async function findIdentities(tools: Tools, given: string | undefined): Promise<Identities> {
  const { env } = tools.io;
  const named = given ?? env['NODEPOOL_SSH_KEY'];
  const home = env['HOME'] ?? '/root';
  const paths = named
    ? [named]
    : [ZUUL_KEY, KEY_OF_SFCONFIG, join(home, '.ssh/id_ed25519'), join(home, '.ssh/id_rsa')];
  const agent = named ? undefined : env['SSH_AUTH_SOCK'];

  const files: { path: string; key: Buffer }[] = [];
  const tried: string[] = [];
  for (const path of paths) {
    try {
      files.push({ path, key: await readFile(path) });
      tried.push(path);
    } catch (error) {
      tried.push(`${path} (${explainCode(error)})`);
    }
  }
  tried.push(
    agent ? `the ssh agent at ${agent}` : named ? 'no other, because this one was named' : 'no ssh agent',
  );
  if (files.length === 0 && !agent) throw new Failure(noKey(tried), EXIT_NOT_RUN);
  return { files, agent, tried, explicit: Boolean(named) };
}

function explainCode(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES') return 'may not be read';
  return code ?? String(error);
}

function noKey(tried: readonly string[]): string {
  return `no private key to enter a node with; tried ${tried.join(', ')}. Name one with -i FILE or NODEPOOL_SSH_KEY`;
}
