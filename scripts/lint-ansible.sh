#!/bin/sh
# Lints the collection with ansible-lint (production profile) and yamllint, in a virtual environment of their own.
set -eu
cd "$(dirname "$0")/.."
venv=$PWD/node_modules/.cache/ansible-lint
if [ ! -x "$venv/bin/ansible-lint" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" --quiet install ansible-lint==26.10.1 yamllint==1.38.0 ansible-core==2.19.14
fi
PATH=$venv/bin:$PATH
cd ansible
yamllint . ../molecule
ansible-lint --offline
