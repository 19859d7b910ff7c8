#!/usr/bin/env bash
# Makes the folder in which tests run cloud-init's own schema check. The text of usage() says the rest.
set -euo pipefail

readonly PACKAGES='cloud-init,python3,systemd'
# The newest first; the other one is for a mirror that does not carry it.
readonly SUITES='trixie bookworm'

usage() {
  cat <<EOF
usage: tools/cloud-init-root.sh [--print] [--no-build] [--help]

Makes a small Debian system in a folder, with cloud-init and systemd in it, for 'cloud-init schema' and
'systemd-analyze verify' by chroot. cloud-init is never installed on this machine, where its units could act.

It writes to one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: cloud-init-root/
First run: about a minute and 250 MB. It downloads Debian packages from the mirror in this machine's apt sources.

  --print     at the end, print NEXUS_PULL_CLOUD_INIT_ROOT=PATH to standard output
  --no-build  only say where it is

NEXUS_PULL_CLOUD_INIT_ROOT: a folder of your own, with cloud-init and python3 in it, that is taken instead.
Needs root, mmdebstrap and Debian's archive keyring (apt-get install mmdebstrap debian-archive-keyring).

exit status: 0 it is there, 1 making it failed, 2 wrong usage, 3 something is missing (the message says what to install)
EOF
}

say() { printf 'cloud-init-root: %s\n' "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }

usable() { [ -x "$1/usr/bin/cloud-init" ] && [ -x "$1/usr/bin/python3" ]; }

# Debian's mirror as this machine knows it; nothing (and mmdebstrap's own default) where apt knows none.
mirror() {
  # shellcheck disable=SC2016 # fields of apt's, not variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && !found { print $2; found = 1 }' || true
}

key() { { cat "$self"; uname -m; } | sha256sum | cut -c 1-16; }

# find_built: sets root to what was made before from this same script; the newest suite wins.
find_built() {
  local suite
  for suite in $SUITES; do
    root=$cache/$suite-$(key)
    if usable "$root"; then return 0; fi
  done
  return 1
}

# build SUITE: 0 and root is set, or 1
build() {
  local started=$SECONDS log=$cache/$1.log
  root=$cache/$1-$(key)
  work=$(mktemp -d "$cache/.work.XXXXXX")
  say "making a Debian $1 system (about a minute; log: $log)"
  # The hook: those files would be copies of this machine's.
  # shellcheck disable=SC2016,SC2046 # $1 is mmdebstrap's; no mirror is no argument
  if ! TMPDIR=$work mmdebstrap --mode=root --variant=minbase --format=directory --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook='for file in resolv.conf hostname machine-id; do : >"$1/etc/$file"; done' \
    "$1" "$work/root" $(mirror) </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    discard "$work"
    return 1
  fi
  chmod 755 "$work/root"
  mv -T "$work/root" "$root"
  discard "$work"
  say "made in $((SECONDS - started)) s: $(chroot "$root" cloud-init --version 2>&1)"
}

# One file system: should a mount be left inside, what is mounted there is not removed.
discard() { rm -rf --one-file-system "$1"; }

make() {
  local suite
  [ "$(id -u)" = 0 ] ||
    die 3 "making it needs root; or set NEXUS_PULL_CLOUD_INIT_ROOT to a folder that has cloud-init and python3"
  command -v mmdebstrap >/dev/null ||
    die 3 "mmdebstrap is not there: apt-get install mmdebstrap; or set NEXUS_PULL_CLOUD_INIT_ROOT"
  for suite in $SUITES; do
    if build "$suite"; then
      [ "$suite" = "${SUITES%% *}" ] ||
        say "NOTE: Debian ${SUITES%% *} could not be had; this is $suite: its cloud-init is slower to ask and cannot check network-config"
      return 0
    fi
    say "Debian $suite could not be made"
  done
  die 1 "no Debian system could be made; the ends of the logs are above"
}

# What other versions of this script made, and what a killed run left; nobody else is writing there under the lock.
tidy() {
  local folder
  for folder in "$cache"/*/ "$cache"/.work.*/; do
    if [ -d "$folder" ] && [ "${folder%/}" != "$root" ]; then discard "${folder%/}"; fi
  done
}

main() {
  local print='' no_build=''
  while [ $# -gt 0 ]; do
    case $1 in
      --print) print=1 ;;
      --no-build) no_build=1 ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die 2 "unknown argument: $1" ;;
    esac
    shift
  done
  if [ -n "${NEXUS_PULL_CLOUD_INIT_ROOT:-}" ]; then
    root=$NEXUS_PULL_CLOUD_INIT_ROOT
    usable "$root" || die 3 "NEXUS_PULL_CLOUD_INIT_ROOT: there is no cloud-init with python3 in $root"
  else
    self=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/$(basename -- "${BASH_SOURCE[0]}")
    cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}
    cache=$cache/cloud-init-root
    if ! find_built; then
      [ -z "$no_build" ] || die 3 "not there; tools/cloud-init-root.sh makes it"
      mkdir -p "$cache"
      cache=$(CDPATH='' cd -- "$cache" && pwd)
      exec 9>"$cache/.lock"
      flock -n 9 || { say 'waiting for another run to finish'; flock 9; }
      trap '[ -z "${work:-}" ] || discard "$work"' EXIT
      find_built || { make; tidy; }
    fi
  fi
  [ -z "$print" ] || echo "NEXUS_PULL_CLOUD_INIT_ROOT=$root"
}

main "$@"
