#!/usr/bin/env bash
# Makes a small Debian system that boots with systemd in a container. The text of usage() says the rest.
set -euo pipefail

readonly SUITE=bookworm
# No Node: the bundle has to bring its own. systemd-sysv is what makes it boot.
readonly PACKAGES=systemd,systemd-sysv,dbus,openssh-server,logrotate,curl

usage() {
  cat <<EOF
usage: tools/systemd-root.sh [--print] [--no-build] [--help]

Makes a Debian $SUITE system in a folder, which the tests of receiver/deploy/ boot with systemd-nspawn: a host to deploy to.
It is written to one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: systemd-root/
First run: about half a minute, 250 MB. Needs root, mmdebstrap, Debian's archive keyring.

  --print     at the end, print NEXUS_PULL_SYSTEMD_ROOT=FOLDER to standard output
  --no-build  only say where it is

NEXUS_PULL_SYSTEMD_ROOT: a folder of your own, that is taken instead.

exit status: 0 it is there, 1 it could not be made, 2 wrong usage, 3 something is missing
EOF
}

say() { printf 'systemd-root: %s\n' "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }
usable() { [ -x "$1/lib/systemd/systemd" ] && [ -x "$1/usr/sbin/sshd" ]; }

mirror() {
  # shellcheck disable=SC2016 # fields of apt's, not variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && !found { print $2; found = 1 }' || true
}

make() {
  local started=$SECONDS log=$cache/make.log
  [ "$(id -u)" = 0 ] || die 3 'making it needs root; or set NEXUS_PULL_SYSTEMD_ROOT'
  command -v mmdebstrap >/dev/null || die 3 'mmdebstrap is not there: apt-get install mmdebstrap'
  work=$(mktemp -d "$cache/.work.XXXXXX")
  say "making a Debian $SUITE system (about half a minute; log: $log)"
  # The hook: those files would be copies of this machine's; host keys are made at the first start.
  # shellcheck disable=SC2016,SC2046 # $1 is mmdebstrap's; no mirror is no argument
  if ! TMPDIR=$work mmdebstrap --mode=root --variant=minbase --format=directory --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook='for file in resolv.conf hostname machine-id; do : >"$1/etc/$file"; done' \
    "$SUITE" "$work/root" $(mirror) </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    die 1 "it could not be made; the end of $log is above"
  fi
  chmod 755 "$work/root"
  mv -T "$work/root" "$root"
  say "made in $((SECONDS - started)) s"
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
  if [ -n "${NEXUS_PULL_SYSTEMD_ROOT:-}" ]; then
    root=$NEXUS_PULL_SYSTEMD_ROOT
    usable "$root" || die 3 "NEXUS_PULL_SYSTEMD_ROOT: there is no systemd with sshd in $root"
  else
    cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}/systemd-root
    mkdir -p "$cache"
    cache=$(CDPATH='' cd -- "$cache" && pwd)
    root=$cache/$SUITE-$({ cat "${BASH_SOURCE[0]}"; uname -m; } | sha256sum | cut -c 1-16)
    if ! usable "$root"; then
      [ -z "$no_build" ] || die 3 'not there; tools/systemd-root.sh makes it'
      exec 9>"$cache/.lock"
      flock 9
      trap '[ -z "${work:-}" ] || rm -rf --one-file-system "$work"' EXIT
      usable "$root" || make
    fi
  fi
  [ -z "$print" ] || echo "NEXUS_PULL_SYSTEMD_ROOT=$root"
}

main "$@"
