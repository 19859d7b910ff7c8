#!/bin/sh
# ansible-lint, yamllint and jsonschema in a venv of their own, in a cache outside the clone: venv.sh [PYTHON >= 3.11, python3
# when absent]. Prints the venv's folder.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
sum=$(cksum <"$here/requirements.txt" | cut -d' ' -f1)
venv=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/nexus-pull/tools}/ansible-playbooks-$sum
if ! [ -e "$venv/complete" ]; then
  rm -rf "$venv"
  "${1:-python3}" -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
  : >"$venv/complete"
fi
echo "$venv"
