/** Where things are, derived from the command line. */
import { dirname, join } from 'node:path';
import type { Options } from './options.ts';

export interface Places {
  /** `/etc/software-factory` */
  settingsDir: string;
  /** `/var/lib/software-factory` */
  root: string;
  ansibleRoot: string;
  groupVars: string;
  inventory: string;
  ansibleConfig: string;
  /** Holds `ansible_collections/`. */
  collections: string;
  facts: string;
  knownHosts: string;
  /** clouds.yaml, when it is made from the settings. */
  clouds: string;
  lockFile: string;
  logFile: string;
  updateLogFile: string;
  lib: string;
  /** Clone of the config repository. */
  configDir: string;
  localRepo: string;
  /** What hosts get of the config repository, packed. */
  configArchive: string;
  /** What hosts with a daemon have of it; the same place on all of them. */
  configCopy: string;
  /** Packages for the hosts, put there by the operator. */
  packages: string;
  backup: string;
  logs: string;
}

export function placesOf({ config, ansibleRoot, lib, configDir }: Options): Places {
  const root = dirname(ansibleRoot);
  const isDefault = root === '/var/lib/software-factory';
  const logs = isDefault ? '/var/log/software-factory' : join(root, 'log');
  return {
    settingsDir: dirname(config),
    root,
    ansibleRoot,
    groupVars: join(ansibleRoot, 'group_vars/all.yaml'),
    inventory: join(ansibleRoot, 'hosts'),
    ansibleConfig: join(ansibleRoot, 'ansible.cfg'),
    collections: join(ansibleRoot, 'collections'),
    facts: join(ansibleRoot, 'facts'),
    knownHosts: join(lib, 'known_hosts'),
    clouds: join(root, 'conf/clouds.yaml'),
    lockFile: join(root, 'state/ansible.lock'),
    logFile: join(logs, 'ansible.log'),
    updateLogFile: join(logs, 'configrepo_update.log'),
    lib,
    configDir,
    localRepo: join(root, 'git/config.git'),
    configArchive: join(root, 'state/config.tar'),
    configCopy: join(root, 'config'),
    packages: join(root, 'packages'),
    backup: join(root, 'backup'),
    logs: isDefault ? '/root/sf-logs' : join(root, 'sf-logs'),
  };
}

/** The same, but with what Ansible reads in `dir`. */
export function placesIn(dir: string, places: Places): Places {
  return {
    ...places,
    ansibleRoot: dir,
    groupVars: join(dir, 'group_vars/all.yaml'),
    inventory: join(dir, 'hosts'),
    ansibleConfig: join(dir, 'ansible.cfg'),
    collections: join(dir, 'collections'),
    facts: join(dir, 'facts'),
  };
}
