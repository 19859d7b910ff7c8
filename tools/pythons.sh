#!/usr/bin/env bash
# Finds the Pythons that the agent is tested with. The text of usage() says the rest.
set -euo pipefail

# The agent's oldest, its newest and Debian 12's are had on every machine; those between them where they are there.
readonly NEEDED='3.9 3.11 3.13'
readonly WANTED='3.10 3.12'

usage() {
  cat <<EOF
usage: tools/pythons.sh [--print] [--no-build] [--help]

Finds Python ${NEEDED// /, }, and ${WANTED/ / and } where they are there. In this order:
  NEXUS_PULL_PYTHON_3_9, NEXUS_PULL_PYTHON_3_10 ...   programs of your own
  python3.9 ... or python3 on PATH, pyenv's, uv's
  for ${NEEDED// /, }: the python of Debian's packages ($DEBIAN), unpacked into a folder and used
  from there, not installed; needs mmdebstrap and Debian's archive keyring (apt-get install mmdebstrap debian-archive-keyring)

It writes to one folder outside the clone (safe to delete at any time), and only when it unpacks, 100 MB each:
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: ansible-cores/

  --print     print KEY=VALUE lines to standard output, the oldest first: NEXUS_PULL_PYTHON_3_9=PROGRAM and so on
  --no-build  unpack nothing, only say what is there

exit status: 0 all that are needed are there, 2 wrong usage, 3 one is missing (the message says which)
EOF
}

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/cache.sh
. "$here/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads it
tool=pythons
# shellcheck source=tools/find-python.sh
. "$here/find-python.sh"

# have VERSION: sets python
have() {
  if [ -n "$no_build" ] || [[ " $WANTED " = *" $1 "* ]]; then
    python=$(find_python "$1")
  else
    python_for "$1"
  fi
}

main() {
  local print='' no_build='' version lines=''
  while [ $# -gt 0 ]; do
    case $1 in
      --print) print=1 ;;
      --no-build) no_build=1 ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die 2 "unknown argument: $1" ;;
    esac
    shift
  done
  cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}/ansible-cores
  take_cache
  for version in $(tr ' ' '\n' <<<"$NEEDED $WANTED" | sort -V); do
    if have "$version"; then
      lines="${lines}NEXUS_PULL_PYTHON_${version/./_}=$python"$'\n'
    elif [[ " $NEEDED " = *" $version "* ]]; then
      die 3 "no Python $version: install it, or name one (see --help), or install mmdebstrap"
    else
      say "NOTE: no Python $version on this machine: nothing is tried on it"
    fi
  done
  [ -z "$print" ] || printf '%s' "$lines"
}

main "$@"
