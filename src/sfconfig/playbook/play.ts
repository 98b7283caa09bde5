/** Plays as plain records, and the text of a playbook. */
import { dumpYaml } from '../../config/repo/dump.ts';

export type Play = Readonly<Record<string, unknown>>;

const HEADER = '# Written by sfconfig; changes made here are lost.\n';

/** Ansible refuses a playbook without plays. */
export function renderPlaybook(plays: readonly Play[]): string {
  const some =
    plays.length > 0 ? plays : [{ name: 'Do nothing', hosts: 'managed', gather_facts: false, tasks: [] }];
  return `---\n${HEADER}${dumpYaml(some, { sorted: false })}`;
}
