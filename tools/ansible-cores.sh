#!/usr/bin/env bash
# Installs the releases of ansible-core that the agent is tested with. The text of usage() says the rest.
set -euo pipefail

# series, release, the resolvelib that it takes, and the Pythons on which it is installed here, the best first.
# 2.14.18 is Debian 12's. A controller needs: 2.14 Python 3.9-3.11, 2.16 and 2.17 3.10-3.12, 2.18 and 2.19 3.11-3.13,
# 2.20 and 2.21 3.12 or newer, 2.22 3.13 or newer.
readonly CORES='
2.14 2.14.18   0.8.1 3.11
2.16 2.16.19   1.0.1 3.11 3.12
2.17 2.17.14   1.0.1 3.11 3.12
2.18 2.18.19   1.0.1 3.11 3.12 3.13
2.19 2.19.14   1.2.1 3.11 3.12 3.13
2.20 2.20.10   1.2.1 3.13 3.12
2.21 2.21.5    1.2.1 3.13 3.12
2.22 2.22.0rc1 1.2.1 3.13
'
readonly NEWEST_PYTHON=3.13

usage() {
  cat <<EOF
usage: tools/ansible-cores.sh [--print] [--only SERIES...] [--no-build] [--help]

Installs ansible-core $(column 2 | paste -s -d' ') from PyPI, each into a venv
of its own on a Python that it supports, with exact versions and checksums (tools/ansible-cores/requirements.txt).
'newest' is the newest release or release candidate that PyPI serves: pip is asked each time (but with --no-build), and
only this one has no checksum of ours, unless it is one of the above. Where PyPI cannot be asked, or serves what cannot be
installed, it is the newest that is there, and that is said.

It writes to one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: ansible-cores/
First run: about two minutes and 500 MB. pip downloads with your own pip settings.

  --print           at the end, print KEY=VALUE lines to standard output (all other output is on standard error):
                    NEXUS_PULL_ANSIBLE_CORE_2_14=FOLDER and so on, NEXUS_PULL_ANSIBLE_CORE_NEWEST=FOLDER; programs are
                    in FOLDER/bin
  --only SERIES...  only these, e.g. --only 2.14 newest
  --no-build        install nothing, only say where they are

Pythons: 3.11 and $NEWEST_PYTHON (3.12 is taken where it will do). In the order that tools/pythons.sh --help says.

exit status: 0 all there, 1 an installation failed, 2 wrong usage, 3 something is missing (the message says what)
EOF
}

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly LOCK=$here/ansible-cores/requirements.txt
# shellcheck source=tools/cache.sh
. "$here/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads it
tool=ansible-cores
# shellcheck source=tools/find-python.sh
. "$here/find-python.sh"

# --- the table

column() { awk -v n="$1" 'NF { print $n }' <<<"$CORES"; }
row() { awk -v series="$1" '$1 == series' <<<"$CORES"; }

# --- venvs

requirements() { # requirements RELEASE RESOLVELIB: the lock without the other cores' rows
  awk -v core="ansible-core==$1" -v resolvelib="resolvelib==$2" '
    /^#/ { next }
    /^[a-z]/ { keep = ($1 !~ /^(ansible-core|resolvelib)==/) || $1 == core || $1 == resolvelib }
    keep' "$LOCK"
}

venv_of() { echo "$cache/ansible-core-$1-$(sha256sum <"$LOCK" | cut -c 1-12)"; }
complete() { [ -e "$1/complete" ] && [ -x "$1/bin/ansible-pull" ] && [ -x "$1/bin/python" ]; }

make_venv() { # make_venv FOLDER: a venv with pip in it
  local wheel
  if [ ! -e "$python-program" ]; then
    "$python" -I -m venv "$1"
    return
  fi
  # The unpacked one's ensurepip would look for its wheels below the machine's own /usr.
  wheel=$(echo "${python%/bin/*}"/share/python-wheels/pip-*.whl)
  "$python" -I -m venv --without-pip "$1" && "$1/bin/python" "$wheel/pip" install --quiet --no-index --no-deps "$wheel"
}

# install RELEASE PIP-ARGUMENT...: the last step marks the venv as whole, so that a killed run leaves nothing that looks so
install() {
  local release=$1 started=$SECONDS log=$cache/$1.log
  shift
  folder=$(venv_of "$release")
  rm -rf --one-file-system "$folder"
  if ! { make_venv "$folder" &&
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@" </dev/null &&
    "$folder/bin/ansible" --version; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die 1 "ansible-core $release could not be installed; the end of $log is above"
  fi
  touch "$folder/complete"
  say "ansible-core $release on Python $python_version: $((SECONDS - started)) s"
}

provide() { # provide SERIES: sets folder
  local series=$1 release resolvelib pythons
  read -r _ release resolvelib pythons <<<"$(row "$series")"
  folder=$(venv_of "$release")
  if complete "$folder"; then return 0; fi
  [ -z "$no_build" ] || die 3 "ansible-core $series is not there; tools/ansible-cores.sh installs it"
  # shellcheck disable=SC2086 # a list
  python_for $pythons ||
    die 3 "ansible-core $release needs Python ${pythons// / or }: install it, or name one (see --help), or install mmdebstrap"
  requirements "$release" "$resolvelib" >"$cache/$release.txt"
  install "$release" --require-hashes --only-binary=:all: --no-deps -r "$cache/$release.txt"
}

# newer A B: whether A comes after B; a release candidate comes before its release
newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "${1/rc/~rc}" "${2/rc/~rc}" | sort -V | tail -n 1)" = "${1/rc/~rc}" ]; }

# ask_newest PYTHON: the newest release or release candidate that pip's index serves; nothing when it cannot be asked
ask_newest() {
  timeout 60 "$1" -m pip index versions --disable-pip-version-check --timeout 10 --retries 1 --pre ansible-core 2>/dev/null |
    sed -n 's/^Available versions: //p' | tr -d ' ' | tr ',' '\n' | awk '!/[ab]/ && !found { print; found = 1 }' || true
}

# provide_newest: sets folder. Only an installation asks the index; who looks only gets what that one found.
provide_newest() {
  local series pinned newest asked
  asked=$cache/newest-$(sha256sum <"$LOCK" | cut -c 1-12)
  series=$(column 1 | tail -n 1)
  pinned=$(row "$series" | awk '{ print $2 }')
  provide "$series"
  newest=''
  if [ -z "$no_build" ]; then
    newest=$(ask_newest "$folder/bin/python")
    [ -n "$newest" ] || say "NOTE: PyPI could not be asked for a newer ansible-core; going on with what is here"
  fi
  if [ -z "$newest" ] && [ -e "$asked" ]; then newest=$(cat "$asked"); fi
  if [ -z "$newest" ] || ! newer "$newest" "$pinned"; then return 0; fi
  say "NOTE: PyPI serves ansible-core $newest, newer than $pinned, the last that is pinned here. The truth table runs on it"
  say "NOTE: too, unpinned. What fails on it only is a change of its, not of this repository's; pin it in $0 and $LOCK"
  # shellcheck disable=SC2030 # what the subshell sets is for itself
  if ! complete "$(venv_of "$newest")" && { [ -n "$no_build" ] ||
    ! (python_for "$NEWEST_PYTHON" && install "$newest" "ansible-core==$newest"); }; then
    say "NOTE: ansible-core $newest could NOT be installed; going on without it, the newest is $pinned"
    return 0
  fi
  folder=$(venv_of "$newest")
  [ -n "$no_build" ] || echo "$newest" >"$asked"
}

main() {
  local print='' only='' series lines='' folder='' no_build='' python='' python_version=''
  while [ $# -gt 0 ]; do
    case $1 in
      --print) print=1 ;;
      --no-build) no_build=1 ;;
      --only)
        while [ $# -gt 1 ] && [ "${2#-}" = "$2" ]; do
          [ "$2" = newest ] || [ -n "$(row "$2")" ] || die 2 "unknown series: $2 (there are: $(column 1 | paste -s -d' ') newest)"
          only="$only $2"
          shift
        done
        [ -n "$only" ] || die 2 '--only needs a series'
        ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die 2 "unknown argument: $1" ;;
    esac
    shift
  done
  cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}/ansible-cores
  if [ -z "$no_build" ]; then
    take_cache
    # What a killed run left; nobody else is writing there under the lock.
    rm -rf --one-file-system "$cache"/.work.*
  fi
  for series in ${only:-$(column 1) newest}; do
    if [ "$series" = newest ]; then provide_newest; else provide "$series"; fi
    lines="${lines}NEXUS_PULL_ANSIBLE_CORE_$(tr '.a-z' '_A-Z' <<<"$series")=$folder"$'\n'
  done
  [ -z "$print" ] || printf '%s' "$lines"
}

main "$@"
