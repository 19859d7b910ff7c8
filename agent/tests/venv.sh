#!/bin/sh
# Real ansible-core for these tests, in a cache outside the clone: venv.sh [SERIES, 2.19 when absent]. Prints the venv's folder.
set -eu
"$(dirname -- "$0")/../../tools/ansible-cores.sh" --only "${1:-2.19}" --print | sed 's/^[^=]*=//'
