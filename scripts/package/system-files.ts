/** What the system's own programs read: systemd, logrotate, Ansible. Sources lie in `packaging/`. */
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** From `packaging/`, and where each goes. Those of a daemon go along with it. */
const FILES: readonly { from: string; to: string; needs?: string }[] = [
  { from: 'sysusers.conf', to: 'usr/lib/sysusers.d/nodepool.conf' },
  { from: 'tmpfiles.conf', to: 'usr/lib/tmpfiles.d/nodepool.conf' },
  { from: 'logrotate', to: 'etc/logrotate.d/nodepool' },
  ...['launcher', 'builder'].flatMap((daemon) => [
    {
      from: `nodepool-${daemon}.service`,
      to: `usr/lib/systemd/system/nodepool-${daemon}.service`,
      needs: `nodepool-${daemon}`,
    },
    {
      from: `${daemon}-logging.yaml`,
      to: `etc/nodepool/${daemon}-logging.yaml`,
      needs: `nodepool-${daemon}`,
    },
  ]),
];

/** Files under `/etc` that an operator may change, and that an upgrade must keep. */
export const CONFIGURATION = /^etc\//;

const COLLECTION = 'usr/share/nodepool/ansible_collections/softwarefactory/nodepool';

export async function stageSystemFiles(root: string, commands: readonly string[]): Promise<void> {
  for (const { from, to, needs } of FILES) {
    if (needs !== undefined && !commands.includes(needs)) continue;
    await copy(join('packaging', from), join(root, to));
  }
  await copy('ansible', join(root, COLLECTION));
  await copy('elements', join(root, 'usr/share/sf-elements'));
  await copy('LICENSE', join(root, 'usr/share/doc/sf-nodepool/copyright'));
  await copy('CHANGELOG.md', join(root, 'usr/share/doc/sf-nodepool/CHANGELOG.md'));
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { recursive: true, filter: (path) => !/\/\.[^/]*$/.test(path) });
}
