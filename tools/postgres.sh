#!/usr/bin/env bash
# Where PostgreSQL's programs (initdb, postgres) are; a distribution's package does not put them on the PATH.
#   tools/postgres.sh --print   NEXUS_PULL_POSTGRES=<folder>, nothing where there is none
# NEXUS_PULL_POSTGRES names the folder and wins. Any version from 14 on.
set -euo pipefail

case "${1:-}" in
--print) ;;
*) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

candidates=("${NEXUS_PULL_POSTGRES:-}")
while IFS= read -r folder; do candidates+=("$folder"); done < <(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV)
if program=$(command -v postgres); then candidates+=("$(dirname "$(readlink -f "$program")")"); fi
for folder in "${candidates[@]}"; do
  if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
    echo "NEXUS_PULL_POSTGRES=$folder"
    exit 0
  fi
done
echo "there is no PostgreSQL; install it (Debian: apt-get install postgresql), or set NEXUS_PULL_POSTGRES" >&2
exit 1
