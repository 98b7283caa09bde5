/** The collection, built and installed as operators do it, and playbooks that use it. */
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Test } from 'tap';
import { tempDir } from './temp.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Ansible {
  /** Where the collection is installed. */
  collections: string;
  /** A directory of the test's own. */
  dir: string;
  /** Runs a program of Ansible; rejects with execa's error, which has the output. */
  run(program: string, args: readonly string[]): Promise<string>;
  /** Runs plays, each as in a playbook; JSON is YAML. */
  play(plays: readonly object[], args?: readonly string[]): Promise<Played>;
}

export interface Played {
  output: string;
  /** By host, from the recap: `{ h1: { ok: 12, changed: 0, … } }`. */
  recap: Record<string, Record<string, number>>;
}

/** Why nothing of Ansible can run here, or false. */
export async function ansibleMissing(): Promise<string | false> {
  const found = await execa('ansible-playbook', ['--version'], { reject: false, timeout: 60_000 });
  return found.failed ? 'needs ansible-playbook (package ansible-core)' : false;
}

/** @param inventory path; without it only localhost is known */
export async function installCollection(t: Test, inventory?: string): Promise<Ansible> {
  const dir = tempDir(t);
  const collections = join(dir, 'collections');
  const env = {
    ANSIBLE_COLLECTIONS_PATH: collections,
    ANSIBLE_COLLECTIONS_PATHS: collections,
    ANSIBLE_LOCAL_TEMP: join(dir, 'tmp'),
    ANSIBLE_HOME: join(dir, 'home'),
    ANSIBLE_HOST_KEY_CHECKING: 'False',
    ANSIBLE_PIPELINING: 'True',
    ANSIBLE_NOCOLOR: '1',
    ANSIBLE_DEPRECATION_WARNINGS: 'False',
    ANSIBLE_SSH_CONTROL_PATH_DIR: join(dir, 'ssh'),
    // A host that is gone ends the play instead of hanging it.
    ANSIBLE_SSH_ARGS:
      '-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=15 -o ServerAliveCountMax=8',
    ...(inventory === undefined ? {} : { ANSIBLE_INVENTORY: inventory }),
  };
  const run = async (program: string, args: readonly string[]) => {
    const settings = { env, cwd: dir, stdin: 'ignore', timeout: 600_000, all: true } as const;
    return (await execa(program, args, settings)).all;
  };
  await run('ansible-galaxy', ['collection', 'build', join(root, 'ansible'), '--output-path', dir]);
  const archive = readdirSync(dir).find((name) => name.endsWith('.tar.gz')) ?? 'none';
  await run('ansible-galaxy', ['collection', 'install', '--no-deps', '-p', collections, join(dir, archive)]);
  let lastPlaybook = 0;
  return {
    collections,
    dir,
    run,
    async play(plays, args = []) {
      const file = join(dir, `playbook-${(lastPlaybook += 1)}.yml`);
      const withCollection = plays.map((play) => ({ collections: ['softwarefactory.nodepool'], ...play }));
      await writeFile(file, JSON.stringify(withCollection));
      const output = await run('ansible-playbook', [...args, file]);
      return { output, recap: readRecap(output) };
    },
  };
}

/** `h1 : ok=12 changed=0 unreachable=0 …` */
function readRecap(output: string): Played['recap'] {
  const recap = output.slice(output.lastIndexOf('PLAY RECAP'));
  return Object.fromEntries(
    [...recap.matchAll(/^(\S+)\s+: (.*)$/gm)].map(([, host = '', counts = '']) => [
      host,
      Object.fromEntries([...counts.matchAll(/(\w+)=(\d+)/g)].map(([, word = '', n]) => [word, Number(n)])),
    ]),
  );
}
