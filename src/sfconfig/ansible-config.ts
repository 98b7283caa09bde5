import type { Places } from './places.ts';

/** Root's ~/.ansible.cfg leads here, so that playbooks run by hand need no options. */
export function renderAnsibleConfig(places: Places): string {
  return `# Written by sfconfig; changes made here are lost.
[defaults]
inventory = ${places.inventory}
collections_path = ${places.collections}
log_path = ${places.logFile}
forks = 50
gathering = smart
fact_caching = jsonfile
fact_caching_connection = ${places.facts}
fact_caching_timeout = 86400
host_key_checking = true
retry_files_enabled = false
force_valid_group_names = ignore
interpreter_python = /usr/bin/python3
remote_user = root
timeout = 20

[ssh_connection]
pipelining = true
# The key of a host that is new is accepted once, and kept.
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${places.knownHosts} -o ServerAliveInterval=10 -o ServerAliveCountMax=3
`;
}
