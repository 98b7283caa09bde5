/** All files that a run writes below its own directories; nothing here touches the world. */
import { join } from 'node:path';
import { dumpYaml } from '../config/repo/dump.ts';
import { renderAnsibleConfig } from './ansible-config.ts';
import { groupVars, type GroupVarsInput } from './group-vars.ts';
import { renderInventory } from './inventory.ts';
import type { Options } from './options.ts';
import type { Places } from './places.ts';
import { backupPlaybook, logsPlaybook } from './playbook/backup.ts';
import { disablePlaybook, erasePlaybook } from './playbook/erase.ts';
import { mainPlaybook, playbookName, type PlaybookOptions } from './playbook/main.ts';
import { renderPlaybook } from './playbook/play.ts';
import { restartPlaybook } from './playbook/restart.ts';
import { updatePlaybook } from './playbook/update.ts';
import type { OutputFile } from './write.ts';

const PUBLIC = 0o644;
const PRIVATE = 0o600;

export function generateFiles(input: GroupVarsInput, options: PlaybookOptions): OutputFile[] {
  const { arch, settings, places } = input;
  const files: OutputFile[] = [
    { path: places.inventory, content: renderInventory(arch), mode: PUBLIC },
    { path: places.groupVars, content: `---\n${dumpYaml(groupVars(input))}`, mode: PRIVATE, secret: true },
    { path: places.ansibleConfig, content: renderAnsibleConfig(places), mode: PUBLIC },
  ];
  if (settings.clouds.kind === 'inline') {
    const content = dumpYaml(settings.clouds.value);
    files.push({ path: places.clouds, content, mode: PRIVATE, secret: true });
  }
  for (const [name, plays] of Object.entries(playbooks(input, options))) {
    files.push({ path: join(places.ansibleRoot, name), content: renderPlaybook(plays), mode: PUBLIC });
  }
  return files;
}

function playbooks({ arch, settings: { fqdn }, places }: GroupVarsInput, options: PlaybookOptions) {
  return {
    [playbookName(options)]: mainPlaybook(arch, places, options),
    'nodepool_restart.yml': restartPlaybook(arch),
    'sf_configrepo_update.yml': updatePlaybook(arch, places),
    'get_logs.yml': logsPlaybook(arch),
    'sf_backup.yml': backupPlaybook(arch, places),
    'sfconfig_disable.yml': disablePlaybook(arch),
    'sf_erase.yml': erasePlaybook(arch, fqdn),
    'sfconfig_erase.yml': erasePlaybook(arch, fqdn),
  };
}

/** The one that this run is for. */
export function chosenPlaybook(options: Options, places: Places): string {
  const name = options.erase
    ? 'sfconfig_erase.yml'
    : options.disable
      ? 'sfconfig_disable.yml'
      : playbookName(playbookOptions(options));
  return join(places.ansibleRoot, name);
}

export function playbookOptions(options: Options): PlaybookOptions {
  const { skipInstall, skipSetup, skipTest, upgrade, recover } = options;
  return { skipInstall, skipSetup, skipTest, upgrade, recover: recover !== undefined };
}
