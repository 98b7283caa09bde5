#!/bin/sh
# Runs Molecule's scenarios: all of them, or those that are named. Molecule and the newest Ansible that it knows come from
# PyPI, into an environment that is made once.
# Usage: scripts/molecule.sh [--only COMMAND] [SCENARIO...]     COMMAND is one of Molecule's; default: test
set -eu
cd "$(dirname "$0")/.."
project=$PWD
cache=$project/node_modules/.cache
environment=$cache/molecule

install() {
  [ ! -e "$environment.installed" ] || return 0
  echo 'molecule: installing Molecule and Ansible from PyPI' >&2
  rm -rf "$environment"
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check molecule==26.10.0 ansible-core==2.19.14 \
    ansible-lint==26.10.1 yamllint==1.38.0
  touch "$environment.installed"
}

# Ansible finds a collection in ansible_collections/NAMESPACE/NAME.
link_collection() {
  mkdir -p "$cache/collections/ansible_collections/softwarefactory"
  ln -sfn "$project/ansible" "$cache/collections/ansible_collections/softwarefactory/nodepool"
}

make_package() {
  node --import=tsx scripts/package.ts --output "$cache/molecule-package" | grep '\.deb$'
}

install
link_collection
[ -e ansible/plugins/modules/runc_info.cjs ] || npm run --silent modules
export PATH="$environment/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$cache/collections" ANSIBLE_NOCOWS=1
# Pythons without a UTF-8 locale refuse to run Ansible.
export LC_ALL="${LC_ALL:-C.UTF-8}"
command=test
if [ "${1:-}" = --only ]; then command=$2 && shift 2; fi
[ $# -gt 0 ] || set -- $(ls molecule/*/molecule.yml | cut -d / -f 2)
case " $* " in *launcher* | *builder* | *gateway*) NODEPOOL_PACKAGE=$(make_package) && export NODEPOOL_PACKAGE ;; esac
for scenario in "$@"; do
  MOLECULE_EPHEMERAL_DIRECTORY=$cache/molecule-runs/$scenario
  export MOLECULE_EPHEMERAL_DIRECTORY
  [ "$command" != test ] || rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY" # of a run that was killed
  molecule "$command" --scenario-name "$scenario"
done
