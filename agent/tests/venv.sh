#!/bin/sh
# Real ansible-core in a venv of its own, in a cache outside the clone. Prints the venv's folder.
set -eu
version=${1:-2.19}
python=${2:-python3.11}
venv=${XDG_CACHE_HOME:-$HOME/.cache}/nexus-pull/venv/ansible-core-$version
if ! [ -x "$venv/bin/ansible-pull" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check "ansible-core==$version.*" >&2
fi
echo "$venv"
