#!/usr/bin/env bash
# Makes a small distribution on which the agent installs what it needs. The text of usage() says the rest.
set -euo pipefail

# shellcheck source=tools/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads them
tool=distro-root variable=NEXUS_PULL_DISTRO_ROOT wanted='a folder with systemd and python3 in it'
suite=trixie

# What every cloud image has, and neither git nor ansible.
readonly PACKAGES=apt,systemd,systemd-sysv,dbus,python3,ca-certificates
# What the agent and ansible's own modules may ask for. It waits in a repository inside, so that the tests reach no mirror.
readonly OFFERED='git ansible-core openssh-client gnupg python3-venv python3-apt'

usage() {
  cat <<EOF
usage: tools/distro-root.sh [--print] [--no-build] [--suite=SUITE] [--help]

Makes a Debian $suite in a folder that boots with systemd-nspawn and has python3, but no git and no ansible-core: those,
and what they need, are in a repository inside, its only source. Tests have the agent install them from there.
It is written to one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: distro-root/
First run: about a minute, 400 MB. Needs root, mmdebstrap, the distribution's archive keyring.

  --print        at the end, print NEXUS_PULL_DISTRO_ROOT=FOLDER to standard output
  --no-build     only say where it is
  --suite=SUITE  another one: bookworm, or Ubuntu's noble or jammy (needs ubuntu-archive-keyring, and reaches Ubuntu's mirror);
                 dnf: a bookworm that has dnf 4.14, as RHEL 9 does, and no apt-get; its packages are Debian's, as RPMs.
                 What is printed of that one is NEXUS_PULL_DNF_ROOT=FOLDER

NEXUS_PULL_DISTRO_ROOT, NEXUS_PULL_DNF_ROOT: a folder of your own, that is taken instead.

exit status: 0 it is there, 1 it could not be made, 2 wrong usage, 3 something is missing
EOF
}

# shellcheck disable=SC2034 # cache.sh reads variable
option() {
  case $1 in
    --suite=trixie | --suite=bookworm | --suite=noble | --suite=jammy) suite=${1#*=} ;;
    --suite=dnf) suite=dnf variable=NEXUS_PULL_DNF_ROOT ;;
    *) return 1 ;;
  esac
}

usable() { [ -x "$1/lib/systemd/systemd" ] && [ -x "$1/usr/bin/python3" ]; }

locate() {
  found=$cache/$suite-$(key)
  usable "$found"
}

# Where from, as mmdebstrap's last arguments. Debian's mirror is the one of this machine's apt; of Ubuntu's mmdebstrap knows
# one, and half of what is offered is in another component there.
source_of() {
  case $suite in
    noble | jammy) echo "--components=main,universe --include=$PACKAGES $suite $1" ;;
    dnf) echo "--include=$PACKAGES,dnf,rpm,createrepo-c bookworm $1 $(mirror)" ;;
    *) echo "--include=$PACKAGES $suite $1 $(mirror)" ;;
  esac
}

# What runs with the new system at $1: downloads what is offered, and lists it as apt or dnf wants it.
# shellcheck disable=SC2016 # mmdebstrap's shell expands them
readonly DOWNLOAD='
  set -e
  rm -f "$1"/var/cache/apt/archives/*.deb
  chroot "$1" apt-get install -y -qq --download-only --no-install-recommends '$OFFERED'
  mkdir -p "$1/srv/packages"
  mv "$1"/var/cache/apt/archives/*.deb "$1/srv/packages/"'
# shellcheck disable=SC2016
readonly OFFER_APT='
  set -e
  cd "$1/srv/packages"
  for file in *.deb; do
    dpkg-deb --field "$file"
    printf "Filename: ./%s\nSize: %s\nSHA256: %s\n\n" "$file" "$(stat -c %s "$file")" "$(sha256sum <"$file" | cut -d " " -f 1)"
  done >Packages
  rm -f "$1"/etc/apt/sources.list.d/*
  echo "deb [trusted=yes] file:/srv/packages ./" >"$1/etc/apt/sources.list"'
# Two packages with all that they need: git, and ansible-core of everything else. RHEL has them by the same names.
# shellcheck disable=SC2016
readonly OFFER_DNF='
  set -e
  cat >"$1/srv/make-rpms" <<"SCRIPT"
set -e
cd /srv
for file in packages/*.deb; do
  case $file in packages/git* | packages/liberror-perl*) name=git ;; *) name=ansible-core ;; esac
  mkdir -p "$name"
  dpkg-deb -x "$file" "$name"
done
for name in git ansible-core; do
  rm -rf "$name/usr/share/doc" "$name/usr/share/man"
  version=$(dpkg-deb --field packages/"$name"_*.deb Version | sed "s/^[0-9]*://; s/-.*//")
  (cd "$name" && find . ! -type d | sed "s/^\.//; s/.*/\"&\"/") >"$name.files"
  cat >"$name.spec" <<SPEC
Name: $name
Version: $version
Release: 1
Summary: Debian packages of tests
License: their own
AutoReqProv: no
%description
Debian packages of tests.
%install
mkdir -p %{buildroot}
cp -a /srv/$name/. %{buildroot}/
%files -f /srv/$name.files
SPEC
  rpmbuild -bb --quiet --nodeps --define "_topdir /srv/top" --define "_rpmdir /srv/rpms" --define "__os_install_post %{nil}" \
    --define "_build_id_links none" --define "debug_package %{nil}" "$name.spec"
done
createrepo_c --quiet rpms
SCRIPT
  chroot "$1" sh /srv/make-rpms
  mv "$1/srv/rpms" "$1/rpms"
  rm -rf "$1"/srv/* "$1/usr/bin/apt-get" "$1/usr/bin/apt-cache"
  mkdir -p "$1/etc/yum.repos.d"
  printf "[offered]\nname=offered\nbaseurl=file:///rpms\ngpgcheck=0\n" >"$1/etc/yum.repos.d/offered.repo"'
offer() { if [ "$suite" = dnf ]; then echo "$OFFER_DNF"; else echo "$OFFER_APT"; fi; }

make() {
  local started=$SECONDS log=$cache/$suite.log folder
  [ "$(id -u)" = 0 ] || die 3 'making it needs root; or set NEXUS_PULL_DISTRO_ROOT'
  command -v mmdebstrap >/dev/null || die 3 'mmdebstrap is not there: apt-get install mmdebstrap'
  new_work
  say "making a small $suite (about a minute; log: $log)"
  # shellcheck disable=SC2016,SC2046 # mmdebstrap's shell expands $1; words
  if ! TMPDIR=$work mmdebstrap --mode=root --variant=minbase --format=directory \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --customize-hook="$DOWNLOAD" \
    --customize-hook="$(offer)" --customize-hook='for file in resolv.conf hostname machine-id; do : >"$1/etc/$file"; done' \
    $(source_of "$work/root") </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    die 1 "it could not be made; the end of $log is above"
  fi
  chmod 755 "$work/root"
  mv -T "$work/root" "$found"
  drop_work
  for folder in "$cache/$suite"-*/; do
    [ "${folder%/}" = "$found" ] || discard "${folder%/}"
  done
  say "made in $((SECONDS - started)) s"
}

run_tool "$@"
