#!/usr/bin/env bash
# Makes the folder in which tests run cloud-init's own schema check. The text of usage() says the rest.
set -euo pipefail

# shellcheck source=tools/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads them
tool=cloud-init-root variable=NEXUS_PULL_CLOUD_INIT_ROOT wanted='a folder with cloud-init and python3 in it'

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

usable() { [ -x "$1/usr/bin/cloud-init" ] && [ -x "$1/usr/bin/python3" ]; }

# What was made before from this same script; the newest suite wins.
locate() {
  local suite
  for suite in $SUITES; do
    found=$cache/$suite-$(key)
    if usable "$found"; then return 0; fi
  done
  return 1
}

# build SUITE: 0 and found is set, or 1
build() {
  local started=$SECONDS log=$cache/$1.log
  found=$cache/$1-$(key)
  new_work
  say "making a Debian $1 system (about a minute; log: $log)"
  # The hook: those files would be copies of this machine's.
  # shellcheck disable=SC2016,SC2046 # $1 is mmdebstrap's; no mirror is no argument
  if ! TMPDIR=$work mmdebstrap --mode=root --variant=minbase --format=directory --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook='for file in resolv.conf hostname machine-id; do : >"$1/etc/$file"; done' \
    "$1" "$work/root" $(mirror) </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    drop_work
    return 1
  fi
  chmod 755 "$work/root"
  mv -T "$work/root" "$found"
  drop_work
  say "made in $((SECONDS - started)) s: $(chroot "$found" cloud-init --version 2>&1)"
}

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
      tidy
      return 0
    fi
    say "Debian $suite could not be made"
  done
  die 1 "no Debian system could be made; the ends of the logs are above"
}

run_tool "$@"
