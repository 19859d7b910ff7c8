#!/usr/bin/env bash
# Makes the disk from which tests boot a real machine. The text of usage() says the rest.
set -euo pipefail

# shellcheck source=tools/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads them
tool=vm-image variable=NEXUS_PULL_VM_IMAGE wanted='a folder with disk.qcow2, vmlinuz and initrd.img in it'
rebuild=''

readonly SUITE=bookworm
# What a template for this project has, as on Debian's own cloud image: cloud-init, netplan, ssh, the guest agent; and
# git and ansible-core, since the machines of the tests reach no mirror.
readonly PACKAGES='systemd-sysv,udev,dbus,kmod,procps,iproute2,netplan.io,netbase,sudo,linux-image-cloud-amd64,initramfs-tools,cloud-init,python3,git,ansible-core,ca-certificates,openssh-server,qemu-guest-agent'
readonly DISK=4G

usage() {
  cat <<EOF
usage: tools/vm-image.sh [--print] [--no-build] [--rebuild] [--help]

Makes the disk of a Debian $SUITE machine (cloud-init, git, ansible-core), its kernel and its initrd, for QEMU.
Nothing is mounted, and nothing of it is installed on this machine.

It writes to one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: vm-image/
First run, and after a point release of Debian: about a minute and 700 MB. It downloads Debian packages from the mirror in this machine's apt sources.

  --print     at the end, print NEXUS_PULL_VM_IMAGE=FOLDER to standard output
  --no-build  only say where it is
  --rebuild   make it again, with the packages of today

NEXUS_PULL_VM_IMAGE: a folder of your own with disk.qcow2, vmlinuz and initrd.img that is taken instead. Its root is
/dev/vda, and a root shell listens on its second serial port (see guest_files in this script).

Making it needs root on amd64, and installs nothing itself:
  apt-get install mmdebstrap debian-archive-keyring e2fsprogs qemu-utils
Booting it, which tests do, needs: apt-get install qemu-system-x86 genisoimage socat

exit status: 0 it is there, 1 making it failed, 2 wrong usage, 3 something is missing (the message says what to install)
EOF
}

usable() { [ -s "$1/disk.qcow2" ] && [ -s "$1/vmlinuz" ] && [ -s "$1/initrd.img" ]; }

# The archive's state, too, where apt knows it: another point release is another disk.
disk_key() { { key; cat /var/lib/apt/lists/*_dists_"$SUITE"_InRelease 2>/dev/null || true; } | sha256sum | cut -c 1-16; }

locate() {
  found=$cache/$SUITE-$(disk_key)
  [ -z "$rebuild" ] && usable "$found"
}

option() { [ "$1" = --rebuild ] && rebuild=1; }

require() {
  local program lack=''
  [ "$(uname -m)" = x86_64 ] || die 3 "only for x86_64 yet; this is $(uname -m)"
  for program in mmdebstrap mkfs.ext4 qemu-img; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || lack="$lack $program"
  done
  [ -z "$lack" ] || die 3 "not there:$lack
  apt-get install mmdebstrap debian-archive-keyring e2fsprogs qemu-utils; or set NEXUS_PULL_VM_IMAGE"
  [ "$(id -u)" = 0 ] || die 3 "making it needs root; or set NEXUS_PULL_VM_IMAGE"
}

# put FILE: standard input as a file of the machine
put() { mkdir -p "$(dirname "$files/$1")" && cat >"$files/$1"; }

# What the machine has besides packages. Nothing here is part of what is tested: no unit, no setting of nexus-pull.
guest_files() {
  files=$1
  # Only what the root disk needs: the rest is loaded from there.
  put etc/initramfs-tools/conf.d/modules <<<'MODULES=list'
  put etc/initramfs-tools/modules <<<$'virtio_pci\nvirtio_blk\next4'
  # Without a locale that exists cloud-init ends in an error; one kind of host key is enough for an emulated processor.
  put etc/cloud/cloud.cfg.d/90-image.cfg <<<$'locale: C.UTF-8\nssh_genkeytypes: [ed25519]\ndatasource_list: [NoCloud, None]'
  # A journal on disk can still be read when the machine no longer answers.
  put etc/systemd/journald.conf.d/90-image.conf <<<$'[Journal]\nStorage=persistent'
  # How a test looks inside, whatever state network, users and cloud-init are in: a shell on a wire.
  put etc/systemd/system/test-shell.service <<'UNIT'
[Unit]
Description=root shell on the second serial port

[Service]
ExecStart=/bin/sh
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
Environment=HOME=/root TERM=dumb LC_ALL=C.UTF-8 PS1= SYSTEMD_PAGER=cat
# An interactive shell ignores SIGTERM, and shutting down would wait for it.
KillSignal=SIGHUP
WorkingDirectory=/root
Restart=always

[Install]
WantedBy=sysinit.target
UNIT
}

# shellcheck disable=SC2016 # mmdebstrap's shell expands them
readonly CUSTOMIZE='
  for file in resolv.conf hostname machine-id; do : >"$1/etc/$file"; done
  chroot "$1" systemctl --quiet enable test-shell.service systemd-networkd.service
  chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer
  cp -L "$1"/boot/vmlinuz-* "$1/../vmlinuz"
  cp -L "$1"/boot/initrd.img-* "$1/../initrd.img"
'

# fill FOLDER: root/, vmlinuz and initrd.img in it
fill() {
  guest_files "$1/files"
  # shellcheck disable=SC2046 # no mirror is no argument
  TMPDIR=$1 mmdebstrap --mode=root --variant=minbase --format=directory --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-confold \
    --essential-hook="cp -R '$1/files/.' \"\$1\"" --customize-hook="$CUSTOMIZE" \
    "$SUITE" "$1/root" $(mirror)
}

# pack FOLDER: disk.qcow2 from root/, without mounting anything
pack() {
  truncate -s "$DISK" "$1/disk.raw"
  mkfs.ext4 -q -F -d "$1/root" -E lazy_itable_init=1,nodiscard "$1/disk.raw"
  qemu-img convert -f raw -O qcow2 "$1/disk.raw" "$1/disk.qcow2"
}

make() {
  local started=$SECONDS log=$cache/$SUITE.log
  require
  new_work
  chmod 755 "$work"
  say "making the disk of a Debian $SUITE machine (about a minute; log: $log)"
  # `set -e` is off inside a function whose status is tested, so each step is.
  if ! { fill "$work" && pack "$work"; } </dev/null >"$log" 2>&1 || ! usable "$work"; then
    tail -n 20 "$log" >&2
    die 1 "the disk could not be made; the end of $log is above"
  fi
  discard "$work/root"
  rm -rf "$work/files" "$work/disk.raw"
  discard "$found"
  mv -T "$work" "$found"
  work=''
  say "made in $((SECONDS - started)) s, $(($(du -sk "$found" | cut -f 1) / 1000)) MB"
  tidy
}

run_tool "$@"
