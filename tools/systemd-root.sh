#!/usr/bin/env bash
# Makes a small Debian system that boots with systemd in a container. The text of usage() says the rest.
set -euo pipefail

# shellcheck source=tools/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads them
tool=systemd-root variable=NEXUS_PULL_SYSTEMD_ROOT wanted='a folder with systemd and sshd'

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

usable() { [ -x "$1/lib/systemd/systemd" ] && [ -x "$1/usr/sbin/sshd" ]; }

locate() {
  found=$cache/$SUITE-$(key)
  usable "$found"
}

make() {
  local started=$SECONDS log=$cache/make.log
  [ "$(id -u)" = 0 ] || die 3 'making it needs root; or set NEXUS_PULL_SYSTEMD_ROOT'
  command -v mmdebstrap >/dev/null || die 3 'mmdebstrap is not there: apt-get install mmdebstrap'
  new_work
  say "making a Debian $SUITE system (about half a minute; log: $log)"
  # The hook: those files would be copies of this machine's.
  # shellcheck disable=SC2016,SC2046 # $1 is mmdebstrap's; no mirror is no argument
  if ! TMPDIR=$work mmdebstrap --mode=root --variant=minbase --format=directory --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook='for file in resolv.conf hostname machine-id; do : >"$1/etc/$file"; done' \
    "$SUITE" "$work/root" $(mirror) </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    die 1 "it could not be made; the end of $log is above"
  fi
  chmod 755 "$work/root"
  mv -T "$work/root" "$found"
  drop_work
  tidy
  say "made in $((SECONDS - started)) s"
}

run_tool "$@"
