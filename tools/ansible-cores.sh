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
# Where a Python comes from when this machine has none.
readonly DEBIAN='3.11=bookworm 3.13=trixie'

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

Pythons: 3.11 and $NEWEST_PYTHON (3.12 is taken where it will do). In this order:
  NEXUS_PULL_PYTHON_3_11, NEXUS_PULL_PYTHON_3_12, NEXUS_PULL_PYTHON_3_13   programs of your own
  python3.11 ... or python3 on PATH, pyenv's, uv's
  the python of Debian's packages ($DEBIAN), unpacked into the folder above and used from there, not
  installed; needs mmdebstrap and Debian's archive keyring (apt-get install mmdebstrap debian-archive-keyring)

exit status: 0 all there, 1 an installation failed, 2 wrong usage, 3 something is missing (the message says what)
EOF
}

say() { printf 'ansible-cores: %s\n' "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly LOCK=$here/ansible-cores/requirements.txt

# --- the table

column() { awk -v n="$1" 'NF { print $n }' <<<"$CORES"; }
row() { awk -v series="$1" '$1 == series' <<<"$CORES"; }

# --- Pythons

# usable PROGRAM VERSION: it runs (a pyenv shim may not), is that version, and can make a venv.
usable() {
  "$1" -I -c "
import sys, venv, ssl, zlib
sys.exit('%d.%d' % sys.version_info[:2] != '$2')" >/dev/null 2>&1
}

has_pip() { "$1" -I -c 'import ensurepip' >/dev/null 2>&1; }

debian_root() { echo "$cache/debian-python$1-$(sha256sum <"$here/ansible-cores.sh" | cut -c 1-12)"; }

# find_python VERSION: prints the program, or fails
find_python() {
  local version=$1 own="NEXUS_PULL_PYTHON_${1/./_}" found
  if [ -n "${!own:-}" ]; then
    usable "${!own}" "$version" || die 3 "$own: ${!own} is no Python $version with venv and ssl"
    echo "${!own}"
    return 0
  fi
  for found in "$(command -v "python$version" || true)" "$(command -v python3 || true)" \
    "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}/versions/$version".*/bin/"python$version" \
    "${UV_PYTHON_INSTALL_DIR:-${HOME:-/nonexistent}/.local/share/uv/python}/cpython-$version".*/bin/"python$version"; do
    if [ -n "$found" ] && usable "$found" "$version" && has_pip "$found"; then
      # A shim decides anew by folder and settings what it runs; a venv needs the program itself.
      "$found" -I -c 'import os, sys; print(os.path.realpath(sys.executable))'
      return 0
    fi
  done
  found=$(debian_root "$version")/usr/bin/python$version
  usable "$found" "$version" && echo "$found"
}

mirror() {
  # shellcheck disable=SC2016 # fields of apt's, not variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && !found { print $2; found = 1 }' || true
}

# unpack_python VERSION: Debian's packages without their scripts; nothing is installed, nothing runs by chroot. The program
# goes by its own loader and libraries, so that it neither needs nor disturbs this machine's.
unpack_python() {
  local version=$1 suite root unpacked loader log=$cache/python$1.log
  suite=$(tr ' ' '\n' <<<"$DEBIAN" | sed -n "s/^$version=//p")
  [ -n "$suite" ] || return 1
  command -v mmdebstrap >/dev/null || { say "no Python $version here, and no mmdebstrap to get it from Debian"; return 1; }
  root=$(debian_root "$version")
  work=$(mktemp -d "$cache/.work.XXXXXX")
  unpacked=$work/root
  say "no Python $version on this machine: unpacking Debian $suite's (log: $log)"
  # shellcheck disable=SC2046 # no mirror is no argument
  TMPDIR=$work mmdebstrap --variant=extract --format=directory --include="python$version-venv" \
    "$suite" "$unpacked" $(mirror) </dev/null >"$log" 2>&1 || { tail -n 5 "$log" >&2; return 1; }
  loader=$(cd "$unpacked" && find usr/lib lib -name 'ld-linux*.so.*' -path '*-linux-gnu*' 2>/dev/null | head -n 1)
  [ -n "$loader" ] || { say "no loader among the packages of Python $version"; return 1; }
  mv "$unpacked/usr/bin/python$version" "$unpacked/usr/bin/python$version-program"
  # shellcheck disable=SC2016 # the wrapper's own variables
  printf '#!/bin/sh\nexec "%s" --argv0 "$0" --library-path "%s" "%s" "$@"\n' "$root/$loader" \
    "$root/${loader%/*}:$root/usr/${loader%/*}" "$root/usr/bin/python$version-program" >"$unpacked/usr/bin/python$version"
  chmod 755 "$unpacked/usr/bin/python$version" "$unpacked"
  rm -rf --one-file-system "$root"
  mv -T "$unpacked" "$root"
  rm -rf --one-file-system "$work"
}

# python_for VERSION...: sets python and python_version to the first that is there, else to one that can be unpacked
python_for() {
  local version
  for version in "$@"; do
    if python=$(find_python "$version"); then python_version=$version; return 0; fi
  done
  for version in "$@"; do
    if unpack_python "$version" && python=$(find_python "$version"); then python_version=$version; return 0; fi
  done
  return 1
}

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
  local print='' only='' series lines='' folder='' work='' no_build='' python='' python_version=''
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
    mkdir -p "$cache"
    cache=$(CDPATH='' cd -- "$cache" && pwd)
    exec 9>"$cache/.lock"
    flock -n 9 || { say 'waiting for another run to finish'; flock 9; }
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
