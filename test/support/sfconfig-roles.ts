/** Stand-ins for the roles, so that playbooks run anywhere: real Ansible, but no host is changed. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Test } from 'tap';
import { makeSite, type Site } from './sfconfig-run.ts';
import { tempDir } from './temp.ts';

const version = await execa('ansible-playbook', ['--version'], { reject: false, timeout: 60_000 });

/** Why tests with Ansible are skipped here; false: they are not. */
export const skipAnsible = version.failed ? 'ansible-playbook is not installed' : false;

export const ARCH = `
inventory:
  - {name: sf, ip: 192.0.2.11, remote: true, roles: [install-server, zookeeper, nodepool-launcher]}
  - {name: hv1, ip: 192.0.2.12, remote: true, roles: [hypervisor-runc]}
  - {name: hv2, ip: 192.0.2.13, remote: true, roles: [hypervisor-runc]}
`;

/** A collection whose roles write `HOST ROLE ACTION` into a file; `failing` is a condition for them to fail. */
export function makeCollection(t: Test, failing: string): { share: string; notes(): string[] } {
  const share = tempDir(t);
  const file = join(share, 'notes');
  writeFileSync(join(share, 'galaxy.yml'), 'namespace: softwarefactory\nname: nodepool\nversion: 1.0.0\n');
  for (const role of ['zookeeper', 'hypervisor-runc', 'nodepool', 'nodepool-launcher', 'nodepool-builder']) {
    const tasks = join(share, 'roles', role, 'tasks');
    mkdirSync(tasks, { recursive: true });
    const line = `{{ inventory_hostname }} ${role} {{ role_action }}`;
    writeFileSync(
      join(tasks, 'main.yml'),
      [
        '- name: Note what is asked for',
        `  ansible.builtin.shell: 'echo "${line}" >>${file}'`,
        '- name: Do what cannot be done',
        `  ansible.builtin.fail: {msg: "the disk is full"}`,
        `  when: ${failing}`,
        '',
      ].join('\n'),
    );
  }
  return { share, notes: () => readFileSync(file, 'utf8').trim().split('\n') };
}

/** With the architecture above; every host is this machine. */
export function makeReadySite(t: Test, share: string): Site {
  const site = makeSite(t, { share });
  site.write('arch.yaml', ARCH);
  site.write('sfconfig.yaml', 'fqdn: example.org\n');
  site.write('custom-vars.yaml', 'ansible_connection: local\n');
  return site;
}
