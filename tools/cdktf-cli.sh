#!/usr/bin/env bash
# Installs the CDKTF command line outside the clone. The text of usage() says the rest.
set -euo pipefail

# shellcheck source=tools/cache.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/cache.sh"
# shellcheck disable=SC2034 # cache.sh reads them
tool=cdktf-cli variable=NEXUS_PULL_CDKTF wanted='an executable file'

readonly VERSION=0.21.0

usage() {
  cat <<EOF
usage: tools/cdktf-cli.sh [--print] [--no-build] [--help]

Installs cdktf-cli $VERSION, so that CI can hold 'cdktf synth' equal to 'npm run synth'. The project itself does not need it:
it is 424 MB in 477 packages, so it is no dependency and lives outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools; there: cdktf-cli/
First run: about half a minute. npm downloads it with your own npm settings; no install script of any package is run.

  --print     at the end, print NEXUS_PULL_CDKTF=PATH to standard output
  --no-build  only say where it is

NEXUS_PULL_CDKTF: a cdktf of your own, that is taken instead.

exit status: 0 it is there, 1 the installation failed, 2 wrong usage, 3 something is missing
EOF
}

usable() { [ -x "$1" ]; }

locate() {
  found=$cache/$VERSION/node_modules/.bin/cdktf
  usable "$found"
}

make() {
  local started=$SECONDS log=$cache/npm.log
  command -v npm >/dev/null || die 3 'npm is not there: install Node'
  new_work
  say "installing cdktf-cli $VERSION (about half a minute; log: $log)"
  echo '{"private":true}' >"$work/package.json"
  # Its one install script fetches a terminal library that synth does not use.
  if ! (cd "$work" && npm install --no-audit --no-fund --ignore-scripts --save-exact "cdktf-cli@$VERSION") \
    </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die 1 "the installation failed; the end of $log is above"
  fi
  rm -rf "${cache:?}/$VERSION"
  mv "$work" "$cache/$VERSION"
  work=''
  say "installed in $((SECONDS - started)) s"
}

run_tool "$@"
