#!/usr/bin/env bash
# Installs the Python programs that tests run. The text of usage() says the rest.
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

names() { (cd "$here/python-tools" && ls -- *.txt) | sed 's/\.txt$//'; }

usage() {
  cat <<EOF
usage: tools/python-tools.sh [--print] [--only NAME...] [--no-build] [--help]

Installs Python programs that tests run against, each into a venv of its own, with exact versions and checksums:
$(for name in $(names); do printf '  %-14s %s\n' "$name" "$(sed -n '1s/^# //p' "$here/python-tools/$name.txt")"; done)
A tool is a file in tools/python-tools/: what it is for in its first line, then its requirements as pip-compile
--generate-hashes writes them.

It writes to one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: python-tools/
pip downloads with your own pip settings. When all is there: under a second.

  --print        at the end, print NEXUS_PULL_<NAME>=FOLDER lines to standard output; programs are in FOLDER/bin
  --only NAME... only these
  --no-build     install nothing, only say where they are

Needs Python >= 3.10 with venv and pip.

exit status: 0 all there, 1 an installation failed, 2 wrong usage, 3 something is missing
EOF
}

say() { printf 'python-tools: %s\n' "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }

variable_of() { printf 'NEXUS_PULL_%s' "$1" | tr 'a-z-' 'A-Z_'; }

# provide NAME: sets folder
provide() {
  local name=$1 lock=$here/python-tools/$1.txt variable log started=$SECONDS
  [ -e "$lock" ] || die 2 "no tool $name; there are: $(names | paste -s -d' ')"
  variable=$(variable_of "$name")
  if [ -n "${!variable:-}" ]; then folder=${!variable}; return; fi
  folder=$cache/$name-$(sha256sum <"$lock" | cut -c 1-12)
  if [ -e "$folder/complete" ]; then return; fi
  [ -z "$no_build" ] || die 3 "$name is not there; tools/python-tools.sh installs it"
  python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    die 3 'needs python3 >= 3.10 with venv (python3-venv)'
  log=$cache/$name.log
  say "installing $name (log: $log)"
  rm -rf --one-file-system "$folder"
  # The last step marks the venv as whole, so that a killed run leaves nothing that looks so.
  if ! { python3 -m venv "$folder" &&
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$lock"; } \
    </dev/null >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die 1 "$name could not be installed; the end of $log is above"
  fi
  touch "$folder/complete"
  say "$name: $((SECONDS - started)) s"
}

main() {
  local print='' only=() name lines=''
  no_build=''
  while [ $# -gt 0 ]; do
    case $1 in
      --print) print=1 ;;
      --no-build) no_build=1 ;;
      --only)
        while [ $# -gt 1 ] && [ "${2#--}" = "$2" ]; do only+=("$2"); shift; done ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die 2 "unknown argument: $1" ;;
    esac
    shift
  done
  cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}/python-tools
  mkdir -p "$cache"
  cache=$(CDPATH='' cd -- "$cache" && pwd)
  if command -v flock >/dev/null; then exec 9>"$cache/.lock"; flock 9; fi
  [ "${#only[@]}" -gt 0 ] || mapfile -t only < <(names)
  for name in "${only[@]}"; do
    provide "$name"
    lines+="$(variable_of "$name")=$folder"$'\n'
  done
  [ -z "$print" ] || printf '%s' "$lines"
}

main "$@"
