#!/usr/bin/env bash
# Installs the CDKTF command line outside the clone. The text of usage() says the rest.
set -euo pipefail

readonly VERSION=0.21.0

usage() {
  cat <<EOF
usage: tools/cdktf-cli.sh [--print] [--no-build] [--help]

Installs cdktf-cli $VERSION, so that CI can hold 'cdktf synth' equal to 'npm run synth'. The project itself does not need it:
it is 424 MB in 477 packages, so it is no dependency and lives outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: cdktf-cli/
First run: about half a minute. npm downloads it with your own npm settings; no install script of any package is run.

  --print     at the end, print NEXUS_PULL_CDKTF=PATH to standard output
  --no-build  only say where it is

NEXUS_PULL_CDKTF: a cdktf of your own, that is taken instead.

exit status: 0 it is there, 1 the installation failed, 2 wrong usage, 3 something is missing
EOF
}

say() { printf 'cdktf-cli: %s\n' "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }

install() {
  local started=$SECONDS log=$cache/npm.log
  command -v npm >/dev/null || die 3 'npm is not there: install Node'
  work=$(mktemp -d "$cache/.work.XXXXXX")
  say "installing cdktf-cli $VERSION (about half a minute; log: $log)"
  echo '{"private":true}' >"$work/package.json"
  # Its one install script fetches a terminal library that synth does not use.
  if ! (cd "$work" && npm install --no-audit --no-fund --ignore-scripts --save-exact "cdktf-cli@$VERSION") \
    </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die 1 "the installation failed; the end of $log is above"
  fi
  rm -rf "${cache:?}/$VERSION"
  mv "$work" "$cache/$VERSION"
  work=''
  say "installed in $((SECONDS - started)) s"
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
  if [ -n "${NEXUS_PULL_CDKTF:-}" ]; then
    found=$NEXUS_PULL_CDKTF
    [ -x "$found" ] || die 3 "NEXUS_PULL_CDKTF: $found is not an executable file"
  else
    cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}
    cache=$cache/cdktf-cli
    found=$cache/$VERSION/node_modules/.bin/cdktf
    if [ ! -x "$found" ]; then
      [ -z "$no_build" ] || die 3 'not there; tools/cdktf-cli.sh installs it'
      mkdir -p "$cache"
      cache=$(CDPATH='' cd -- "$cache" && pwd)
      # A second run waits for the first; without flock (macOS) both install, and the last one stays.
      if command -v flock >/dev/null; then
        exec 9>"$cache/.lock"
        flock 9
        rm -rf "$cache"/.work.*
      fi
      trap '[ -z "${work:-}" ] || rm -rf "$work"' EXIT
      [ -x "$found" ] || install
    fi
  fi
  [ -z "$print" ] || echo "NEXUS_PULL_CDKTF=$found"
}

main "$@"
