#!/bin/sh
# wait-for-webhook.sh VM... [--timeout 30m]: the command of the original migration guide. It is `nexus-pull wait`.
# NEXUS_PULL_URL names the receiver. Exit status: 0 Configured, 1 failed, 3 receiver, 4 unknown, 124 timeout.
set -eu
if [ "$#" -eq 0 ]; then
  echo "usage: NEXUS_PULL_URL=https://receiver.example:9191 $0 VM... [--timeout 30m]" >&2
  exit 2
fi
if command -v nexus-pull >/dev/null 2>&1; then exec nexus-pull wait "$@"; fi
exec npx --yes nexus-pull wait "$@"
