#!/bin/sh
# ansible-lint, yamllint and jsonschema in a venv of their own, in a cache outside the clone. Prints the venv's folder.
set -eu
[ "${1:-}" != --help ] || { sed -n 2p "$0"; exit 0; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
python=${1:-python3.11}
sum=$(cksum <"$here/requirements.txt" | cut -d' ' -f1)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/nexus-pull/venv/ansible-playbooks-$sum
if ! [ -e "$venv/complete" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
  : >"$venv/complete"
fi
echo "$venv"
