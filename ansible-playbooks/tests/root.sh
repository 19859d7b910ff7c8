#!/usr/bin/env bash
# Makes a small Debian system in a folder, outside the clone, in which the roles are tried: root.sh [--no-build]. Prints the
# folder. It is only ever the lower layer of an overlay, so that it stays as it is. About 45 s the first time, 190 MB.
set -euo pipefail

readonly PACKAGES=python3,python3-apt,systemd,procps,ca-certificates,unzip,e2fsprogs,mount
cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/nexus-pull/tools}/ansible-playbooks-root
root=$cache/trixie-$(sha256sum <"$0" | cut -c 1-12)
if ! [ -x "$root/usr/bin/python3" ]; then
  [ "${1:-}" != --no-build ] || exit 3
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/.work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # The mirror that this machine's apt has; mmdebstrap's own default where it has none.
  # shellcheck disable=SC2016 # fields of apt's, not variables
  mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && !found { print $2; found = 1 }')
  mmdebstrap --quiet --variant=minbase --format=directory --include="$PACKAGES" trixie "$work/root" \
    ${mirror:+"$mirror"} >"$cache/log" 2>&1 || { tail -n 20 "$cache/log" >&2; exit 1; }
  mv "$work/root" "$root"
fi
echo "$root"
