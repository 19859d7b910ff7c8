#!/bin/sh
# The agent on every Python that tools/pythons.sh finds: compiled, imported and started on each, and most of its tests on the
# oldest and the newest. The rest (ansible, OpenBao, apt's and pip's words) hangs on other programs, not on the agent's Python.
set -u
cd "$(dirname -- "$0")/.." || exit 1

found=$(../tools/pythons.sh --print) || exit 1
pythons=$(echo "$found" | sed 's/^[^=]*=//')
failed=0

on() { # on PYTHON MODULE...
  python=$1
  shift
  printf '%s: ' "$("$python" -V)"
  if words=$("$python" -m unittest "$@" 2>&1); then
    echo "$words" | grep '^Ran '
  else
    printf 'FAIL\n%s\n' "$words"
    failed=1
  fi
}

for program in $pythons; do on "$program" tests.test_starts; done
for program in $(echo "$pythons" | sed -n '1p;$p'); do
  on "$program" tests.test_adopt tests.test_contract tests.test_deadline tests.test_events tests.test_flush \
    tests.test_flush_tls tests.test_heartbeat tests.test_process tests.test_status tests.test_verdict
done
exit "$failed"
