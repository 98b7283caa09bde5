/** Hooks of the local config repository, for sites whose changes are not merged by Zuul. */
import { BRANCH } from './git.ts';
import { LOCK_HELD } from './lock.ts';
import { quoteWord } from '../shell.ts';

export interface HookPaths {
  /** `ansible-playbook` finds inventory and roles with it. */
  ansibleConfig: string;
  updatePlaybook: string;
  lockFile: string;
  logFile: string;
  /** The `nodepool` command. */
  nodepool: string;
  launchers: readonly string[];
}

/** Refuses a push that would not become a valid nodepool.yaml; whoever pushes sees file and line. */
export function updateHook({ nodepool, launchers }: HookPaths): string {
  return `#!/bin/sh
# Written by sfconfig. git calls it with REF OLD NEW before a branch moves.
set -eu
[ -z "\${${LOCK_HELD}:-}" ] || exit 0 # sfconfig has checked it
[ "$1" = refs/heads/${BRANCH} ] || exit 0
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
trap 'exit 1' INT TERM
git archive "$3" | tar -x -C "$tree"
[ -d "$tree/nodepool" ] || exit 0
cd "$tree"
unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
${quoteWord(nodepool)} config-validate --config-repo . --launchers ${quoteWord(launchers.join(','))}
`;
}

/** Applies a pushed change to all hosts. sfconfig, which pushes too, applies its own. */
export function postUpdateHook({ ansibleConfig, updatePlaybook, lockFile, logFile }: HookPaths): string {
  return `#!/bin/sh
# Written by sfconfig. git calls it with the branches that have moved.
set -eu
[ -z "\${${LOCK_HELD}:-}" ] || exit 0
case " $* " in *" refs/heads/${BRANCH} "*) ;; *) exit 0 ;; esac
unset GIT_DIR
export ANSIBLE_CONFIG=${quoteWord(ansibleConfig)} ANSIBLE_LOG_PATH=${quoteWord(logFile)}
cd /
exec flock ${quoteWord(lockFile)} ansible-playbook ${quoteWord(updatePlaybook)}
`;
}
