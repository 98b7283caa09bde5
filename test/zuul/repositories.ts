import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';

/** What every push to the project runs: jobs on one node, a passing and a failing one. */
const FILES = {
  config: {
    'zuul.yaml': `
- pipeline:
    name: post
    manager: independent
    trigger:
      local:
        - event: ref-updated
- job:
    name: base
    parent: null
    timeout: 300
    nodeset:
      nodes:
        - name: node
          label: new-container
`,
  },
  project: {
    '.zuul.yaml': `
- job:
    name: passes
    run: playbooks/passes.yaml
- job:
    name: fails
    run: playbooks/fails.yaml
- project:
    post:
      jobs:
        - passes
        - fails
`,
    'playbooks/passes.yaml': `
- hosts: all
  tasks:
    - name: Say who and where
      ansible.builtin.command: id -un
    - name: Speak slowly
      ansible.builtin.shell: for n in 1 2 3 4 5 6 7 8; do echo line number $n; sleep 1; done
`,
    'playbooks/fails.yaml': `
- hosts: all
  tasks:
    - name: Leave something behind
      ansible.builtin.command: touch evidence
    - name: Fail
      ansible.builtin.command: /bin/false
`,
  },
} as const;

/** Makes both repositories in a directory, which then is the base of Zuul's git connection. */
export async function makeRepositories(dir: string): Promise<void> {
  for (const [name, files] of Object.entries(FILES)) {
    const place = join(dir, name);
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(place, path)), { recursive: true });
      await writeFile(join(place, path), text.trimStart());
    }
    await git(place, 'init', '--quiet', '--initial-branch=master');
    await git(place, 'add', '.');
    await commit(place, 'First');
  }
}

/** A change that Zuul's git connection sees in its next look. */
export async function push(dir: string, message: string): Promise<void> {
  await commit(join(dir, 'project'), message);
}

async function commit(place: string, message: string): Promise<void> {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
  await git(place, ...who, 'commit', '--quiet', '--allow-empty', '--message', message);
}

async function git(place: string, ...args: string[]): Promise<void> {
  await execa('git', ['-C', place, ...args], { timeout: 30_000 });
}
