# shellcheck shell=bash disable=SC2154 # tool, variable and wanted are the sourcing script's
# Sourced by scripts beside it that keep one thing in a folder outside the clone; it is no program.
#
# Such a script sets
#   tool       its own name, which is also its folder's in the cache
#   variable   the name of an environment variable with a path of the user's own, that is taken instead
#   wanted     what that path must be, for the message when it is not
# and has the functions
#   usage          prints what --help prints
#   usable PATH    whether what is there can be used
#   locate         sets found to where it is, or would be, below $cache; fails when it is not usable
#   make           makes it below $cache, under the lock, and sets found; new_work first
#   option WORD    takes an option of its own; fails when WORD is none (may be left out)
# and ends with: run_tool "$@"

found='' cache='' work=''

say() { printf '%s: %s\n' "$tool" "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }

# One file system: should a mount be left inside, what is mounted there is not removed.
discard() {
  if [ "$(uname -s)" = Linux ]; then rm -rf --one-file-system "$1"; else rm -rf "$1"; fi
}

# Sets work to a new folder beside what is made, from which it is moved into place; it is gone at the end, whatever the end is.
new_work() { work=$(mktemp -d "$cache/.work.XXXXXX"); }
drop_work() { if [ -n "$work" ]; then discard "$work"; work=''; fi; }

# Hash of the script that sources this, and of the machine's kind: what another version of it made is not taken.
key() { { cat "$0"; uname -m; } | sha256sum | cut -c 1-16; }

# What other versions of the script made, and what a killed run left; nobody else is writing there under the lock.
tidy() {
  local folder
  for folder in "$cache"/*/ "$cache"/.work.*/; do
    if [ -d "$folder" ] && [ "${folder%/}" != "$found" ]; then discard "${folder%/}"; fi
  done
}

# Debian's mirror as this machine knows it; nothing (and mmdebstrap's own default) where apt knows none.
mirror() {
  # shellcheck disable=SC2016 # fields of apt's, not variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && !found { print $2; found = 1 }' || true
}

option() { return 1; }

# Makes the folder and holds it: a second run waits for the first. Without flock (macOS) both make it, and the last one stays.
take_cache() {
  mkdir -p "$cache"
  cache=$(CDPATH='' cd -- "$cache" && pwd)
  trap drop_work EXIT
  command -v flock >/dev/null || return 0
  exec 9>"$cache/.lock"
  flock -n 9 || { say 'waiting for another run to finish'; flock 9; }
}

run_tool() {
  local print='' no_build=''
  while [ $# -gt 0 ]; do
    case $1 in
      --print) print=1 ;;
      --no-build) no_build=1 ;;
      -h | --help) usage; exit 0 ;;
      *) option "$1" || { usage >&2; die 2 "unknown argument: $1"; } ;;
    esac
    shift
  done
  if [ -n "${!variable:-}" ]; then
    found=${!variable}
    usable "$found" || die 3 "$variable: $found is not $wanted"
  else
    cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}/$tool
    if ! locate; then
      [ -z "$no_build" ] || die 3 "not there; tools/$tool.sh makes it"
      take_cache
      # Again: another run may have made it, and the folder's name is absolute now.
      locate || make
    fi
  fi
  [ -z "$print" ] || echo "$variable=$found"
}
