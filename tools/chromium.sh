#!/usr/bin/env bash
# Where a Chromium for the dashboard's tests is: the distribution's (Debian: apt-get install chromium).
#   tools/chromium.sh --print   NEXUS_PULL_CHROMIUM=<program>, nothing where there is none
# NEXUS_PULL_CHROMIUM names the program and wins. Chrome or Chromium, version 123 or later.
set -euo pipefail

case "${1:-}" in
--print) ;;
*) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

for name in "${NEXUS_PULL_CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome; do
  if [ -n "$name" ] && program=$(command -v "$name"); then
    echo "NEXUS_PULL_CHROMIUM=$program"
    exit 0
  fi
done
echo "there is no Chromium; install it (Debian: apt-get install chromium), or set NEXUS_PULL_CHROMIUM" >&2
exit 1
