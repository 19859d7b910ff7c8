# shellcheck shell=bash disable=SC2034,SC2154 # cache, say and die are the sourcing script's, which reads python
# Sourced by scripts beside it that need a Python of a certain version; it is no program. The script has sourced
# cache.sh, and taken the cache: the folder below which a Python may be unpacked.
#
# Sets python and python_version: python_for VERSION...

# Where a Python comes from when this machine has none.
readonly DEBIAN='3.9=bullseye 3.11=bookworm 3.13=trixie'
# Where Debian's own mirrors send their old releases.
readonly ARCHIVE=http://archive.debian.org/debian
find_python=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/find-python.sh
python='' python_version='' work=''

# usable PROGRAM VERSION: it runs (a pyenv shim may not), is that version, and can make a venv.
usable() {
  "$1" -I -c "
import sys, venv, ssl, zlib
sys.exit('%d.%d' % sys.version_info[:2] != '$2')" >/dev/null 2>&1
}

has_pip() { "$1" -I -c 'import ensurepip' >/dev/null 2>&1; }

debian_root() { echo "$cache/debian-python$1-$(sha256sum <"$find_python" | cut -c 1-12)"; }

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

# extract VERSION SUITE FOLDER LOG
extract() {
  local from
  for from in "$(mirror)" "$ARCHIVE"; do
    # shellcheck disable=SC2086 # no mirror is no argument
    TMPDIR=$work mmdebstrap --variant=extract --format=directory --include="python$1-venv" "$2" "$3" $from \
      </dev/null >"$4" 2>&1 && return 0
    rm -rf --one-file-system "$3"
  done
  return 1
}

# wrap VERSION UNPACKED ROOT LOADER: python, in UNPACKED that will be ROOT, becomes a script that starts the program by its own
# loader. One before glibc 2.33 does not say the program what it was called by: that Python is told where it is, and a venv
# cannot be made of it.
wrap() {
  local program=$2/usr/bin/python$1 argv0=''
  mv "$program" "$program-program"
  if grep -q -e --argv0 "$2/$4"; then
    # shellcheck disable=SC2016 # the script's own variable
    argv0='--argv0 "$0" '
  else
    rm -f "$2/usr/lib/python$1/sitecustomize.py"
    echo "import sys; sys.executable = sys._base_executable = '$3/usr/bin/python$1'" >"$2/usr/lib/python$1/sitecustomize.py"
  fi
  # shellcheck disable=SC2016 # the script's own variables
  printf '#!/bin/sh\nexec "%s" %s--library-path "%s" "%s" "$@"\n' "$3/$4" "$argv0" \
    "$3/${4%/*}:$3/usr/${4%/*}" "$3/usr/bin/python$1-program" >"$program"
  chmod 755 "$program" "$2"
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
  extract "$version" "$suite" "$unpacked" "$log" || { tail -n 5 "$log" >&2; return 1; }
  loader=$(cd "$unpacked" && find usr/lib lib -name 'ld-linux*.so.*' -path '*-linux-gnu*' 2>/dev/null | head -n 1)
  [ -n "$loader" ] || { say "no loader among the packages of Python $version"; return 1; }
  wrap "$version" "$unpacked" "$root" "$loader"
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
