#!/usr/bin/env bash
# Builds the external programs that this project runs. The text of usage() says the rest.
set -euo pipefail
# One order of names and one spelling of numbers, wherever this runs.
export LC_ALL=C

readonly ALL_TOOLS='provider-null provider-proxmox versitygw tofu'
# The release of hashicorp/null that the stand-in in provider-null/ imitates and is installed as.
readonly NULL_VERSION=3.2.4
readonly OLDEST_TOFU=1.10.0
# OpenTofu and Terraform complete a short provider address with a host of their own; the mirror answers to both.
readonly SOURCE_HOSTS='registry.opentofu.org registry.terraform.io'

usage() {
  cat <<EOF
usage: tools/build.sh [--print] [--only NAME...] [--help]

Builds, from pinned and checksummed Go modules, what this project runs:
  tofu               OpenTofu
  provider-proxmox   the bpg/proxmox provider
  versitygw          an S3 server with conditional writes, for tests
  provider-null      a STAND-IN of our own for the hashicorp/null provider (see tools/README.md)
and installs a provider mirror and an OpenTofu CLI configuration (tofurc) that uses nothing else.

It writes to one folder outside the clone (safe to delete at any time):
  \$NEXUS_PULL_TOOLS, else \$XDG_CACHE_HOME/nexus-pull/tools, else ~/.cache/nexus-pull/tools
  now: ${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:-~}/.cache}/nexus-pull/tools}
and Go's own module and build caches. It downloads Go modules only, through your Go settings (GOPROXY, GOSUMDB):
about 400 MB. Go's own caches grow by 1.5 GB (modules) and 2.2 GB (build); what this installs is 210 MB. First run on two
cores: about 7 minutes. When all is there: under a second, every binary checked against SHA256SUMS.

  --print          at the end, print KEY=VALUE lines to standard output (all other output is on standard error):
                   NEXUS_PULL_TOFU, NEXUS_PULL_VERSITYGW, NEXUS_PULL_PROVIDER_MIRROR, NEXUS_PULL_TOFURC
  --only NAME...   only these tools

Needs Go $(oldest_go) or newer. Without it, binaries that are already there are taken:
  NEXUS_PULL_TOFU_BIN, NEXUS_PULL_PROVIDER_PROXMOX_BIN, NEXUS_PULL_VERSITYGW_BIN, NEXUS_PULL_PROVIDER_NULL_BIN
                   paths of your own binaries (these win over a build also when there is Go; for the providers you vouch
                   that they are the versions in tools/*/go.mod)
  tofu, versitygw  on PATH, if tofu is >= $OLDEST_TOFU and versitygw is >= the pinned version

exit status: 0 all there, 1 a build failed, 2 wrong usage, 3 something is missing (the message says what to install)
EOF
}

say() { printf 'tools: %s\n' "$*" >&2; }
die() { local status=$1; shift; say "$*"; exit "$status"; }

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

# --- what a tool is: everything comes from its go.mod, so that a bump is an edit of one file

package_of() { local tool; tool=$(sed -n 's/^tool //p' "$here/$1/go.mod"); echo "${tool:-.}"; }
oldest_go() { sed -n 's/^go //p' "$here"/*/go.mod | sort -t. -k1,1n -k2,2n -k3,3n | tail -n 1; }

version_of() {
  [ "$1" != provider-null ] || { echo "$NULL_VERSION"; return; }
  # The module is the longest required path that the tool's package starts with; the shortest here, as each has one.
  awk -v package="$(package_of "$1")" '
    { path = ($1 == "require") ? $2 : $1; version = ($1 == "require") ? $3 : $2 }
    version ~ /^v[0-9]/ && $0 !~ /=>/ && (package == path || index(package, path "/") == 1) { print substr(version, 2) }
  ' "$here/$1/go.mod"
}

binary_name() {
  case $1 in
    provider-proxmox) echo "terraform-provider-proxmox_v$(version_of "$1")" ;;
    # Not named like a release file: OpenTofu only needs the part before the underscore.
    provider-null) echo 'terraform-provider-null_stand-in' ;;
    *) echo "$1" ;;
  esac
}

ldflags_of() {
  case $1 in
    # OpenTofu's own release setting; without it the program calls itself "-dev".
    tofu) echo '-s -w -X github.com/opentofu/opentofu/version.dev=no' ;;
    provider-proxmox) echo "-s -w -X main.version=$(version_of "$1")" ;;
    versitygw) echo "-s -w -X main.Version=v$(version_of "$1")" ;;
    provider-null) echo "-s -w -X main.standsInFor=$NULL_VERSION" ;;
  esac
}

# --- small helpers

sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
# at_least A B: version A >= version B; anything after the numbers (rc1, -dev) is ignored
at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}
numbers_in() { sed -n 's/^[^0-9]*\([0-9][0-9]*\.[0-9][0-9.]*\).*/\1/p' | head -n 1; }
set_path() { printf -v "path_${1//-/_}" '%s' "$2"; }
get_path() { local name=path_${1//-/_}; echo "${!name:-}"; }
env_name() { echo "NEXUS_PULL_$(echo "$1" | tr 'a-z-' 'A-Z_')_BIN"; }

# --- the cache

# take_lock: one run at a time per cache; the lock goes with the process, however it ends.
take_lock() {
  if command -v flock >/dev/null; then
    exec 9>"$cache/.lock"
    flock -n 9 || { say 'waiting for another run to finish'; flock 9; }
    return
  fi
  # No flock (macOS): a folder is made by one process only. A holder that is gone is taken over.
  local waited=0 holder
  until mkdir "$cache/.lock.d" 2>/dev/null; do
    holder=$(cat "$cache/.lock.d/pid" 2>/dev/null || true)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -rf "$cache/.lock.d"; continue; fi
    [ "$waited" = 1 ] || { say 'waiting for another run to finish'; waited=1; }
    sleep 1
  done
  echo $$ >"$cache/.lock.d/pid"
  holds_lock_folder=1
}

cleanup() {
  [ -z "${work:-}" ] || rm -rf "$work"
  [ -z "${holds_lock_folder:-}" ] || rm -rf "$cache/.lock.d"
}

find_go() {
  go_version='' platform=''
  local answer
  if command -v go >/dev/null && answer=$(cd "$here" && go env GOVERSION GOOS GOARCH 2>/dev/null); then
    read -r go_version goos goarch <<<"$(echo "$answer" | tr '\n' ' ')"
    go_found="${go_version#go}"
    at_least "$(echo "$go_found" | numbers_in)" "$(oldest_go)" || go_version=''
  else
    go_found=none
    goos=$(uname -s | tr '[:upper:]' '[:lower:]')
    goarch=$(uname -m | sed -e 's/^x86_64$/amd64/' -e 's/^aarch64$/arm64/')
  fi
  platform="${goos}_$goarch"
}

# Everything that decides what the binary is, but the compiler.
source_key() (
  cd "$here/$1"
  shopt -s nullglob
  { sha256 go.mod go.sum ./*.go; ldflags_of "$1"; binary_name "$1"; } | sha256 | cut -c 1-16
)

# intact FILE: its sha256 is the recorded one
intact() {
  local relative=${1#"$cache/"} recorded
  [ -x "$1" ] && [ -f "$cache/SHA256SUMS" ] || return 1
  recorded=$(awk -v file="$relative" '$2 == file { print $1 }' "$cache/SHA256SUMS")
  [ -n "$recorded" ] && [ "$recorded" = "$(sha256 "$1" | cut -d ' ' -f 1)" ]
}

record() {
  local relative=${1#"$cache/"} new=$work/SHA256SUMS
  { [ ! -f "$cache/SHA256SUMS" ] || awk -v file="$relative" '$2 != file' "$cache/SHA256SUMS"
    (cd "$cache" && sha256 "$relative"); } >"$new"
  mv "$new" "$cache/SHA256SUMS"
}

# --- where a tool can come from

# use_cached TOOL: a binary built before from the same source. With Go: by the same Go; without: by any.
use_cached() {
  local found
  found=$cache/$1/$(source_key "$1")-${go_version:-go*}-$platform/$(binary_name "$1")
  [ -n "$go_version" ] || found=$(compgen -G "$found" | tail -n 1 || true)
  [ -e "$found" ] || return 1
  if intact "$found"; then set_path "$1" "$found"; return 0; fi
  say "$1: $found does not match SHA256SUMS; it is not used${go_version:+, building it again}"
  return 1
}

# Not the user's CLI configuration: a warning about it must not hide the version.
tofu_version() { TF_CLI_CONFIG_FILE=/dev/null "$1" version 2>/dev/null | sed -n 's/^OpenTofu v//p' | numbers_in; }
versitygw_version() { "$1" --version 2>/dev/null | head -n 1 | numbers_in; }

# version_problem TOOL PATH: says why it is not good enough; nothing = good
version_problem() {
  local version oldest
  case $1 in
    tofu) version=$(tofu_version "$2" || true) oldest=$OLDEST_TOFU ;;
    versitygw) version=$(versitygw_version "$2" || true) oldest=$(version_of versitygw) ;;
    *) return 0 ;;
  esac
  [ -n "$version" ] && at_least "$version" "$oldest" || echo "$2 is ${version:-not a $1 that tells its version}, needed: >= $oldest"
}

# use_given TOOL: the path in the environment. 0 taken, 1 none given, 2 given but no good (said).
use_given() {
  local variable given problem copy
  variable=$(env_name "$1")
  given=${!variable:-}
  [ -n "$given" ] || return 1
  if [ ! -f "$given" ] || [ ! -x "$given" ]; then say "$variable: $given is not an executable file"; return 2; fi
  problem=$(version_problem "$1" "$given")
  if [ -n "$problem" ]; then say "$variable: $problem"; return 2; fi
  case $1 in
    provider-*)
      # A folder of its own, as a provider package is a folder and OpenTofu hashes all of it.
      copy=$cache/given/$1/$(sha256 "$given" | cut -c 1-16)
      mkdir -p "$copy"
      if ! cmp -s "$given" "$copy/terraform-$1"; then
        # Said explicitly: `set -e` is off inside a function whose status is tested.
        { cp "$given" "$work/given" && mv "$work/given" "$copy/terraform-$1"; } || die 1 "$1: cannot copy $given to $copy"
      fi
      set_path "$1" "$copy/terraform-$1" ;;
    *) set_path "$1" "$(CDPATH='' cd -- "$(dirname -- "$given")" && pwd)/$(basename -- "$given")" ;;
  esac
}

use_path() {
  local found
  case $1 in tofu | versitygw) ;; *) return 1 ;; esac
  found=$(command -v "$1") || return 1
  [ -z "$(version_problem "$1" "$found")" ] || return 1
  say "$1: no Go to build it, taking $found"
  set_path "$1" "$found"
}

build() {
  local name target started=$SECONDS log=$cache/$1.log
  name=$(binary_name "$1")
  target=$cache/$1/$(source_key "$1")-$go_version-$platform
  say "building $1 $(version_of "$1") ($(expected_time "$1") the first time; log: $log)"
  # -buildvcs=false: the result must not depend on the commit of this clone. GOFLAGS and GOWORK of the user neither.
  if ! (cd "$here/$1" && GOFLAGS=-mod=readonly GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 \
    go build -trimpath -buildvcs=false -ldflags "$(ldflags_of "$1")" -o "$work/$1/$name" "$(package_of "$1")") >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die 1 "$1: the build failed; the end of $log is above"
  fi
  mkdir -p "$cache/$1"
  rm -rf "$target"
  mv "$work/$1" "$target"
  record "$target/$name"
  set_path "$1" "$target/$name"
  say "$1 built in $((SECONDS - started)) s, $(($(wc -c <"$target/$name") / 1000000)) MB"
}

expected_time() {
  case $1 in
    tofu) echo 'about 4 minutes' ;;
    versitygw) echo 'about 2 minutes' ;;
    provider-proxmox) echo 'about a minute' ;;
    *) echo 'up to a minute' ;;
  esac
}

# --- what OpenTofu needs to find the providers

# mirror TOOL NAMESPACE/TYPE: the package folder is a link to the folder that holds the one binary, so that what OpenTofu
# starts is the very file that was checked against SHA256SUMS, under both hosts.
mirror() {
  local package host versions link
  package=$(dirname "$(get_path "$1")")
  for host in $SOURCE_HOSTS; do
    versions=$cache/mirror/$host/$2
    link=$versions/$(version_of "$1")/$platform
    if [ "$(readlink "$link" 2>/dev/null || true)" = "../../../../../${package#"$cache/"}" ]; then continue; fi
    # Only this version: a newer one, left by a newer checkout, would win over the pinned one.
    rm -rf "$versions"
    mkdir -p "$(dirname "$link")"
    ln -s "../../../../../${package#"$cache/"}" "$link"
  done
}

write_tofurc() {
  cat >"$work/tofurc" <<EOF
# Written by tools/build.sh. Providers come from this folder and from nowhere else: there is no "direct" method.
disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path = "$cache/mirror"
  }
}
EOF
  cmp -s "$work/tofurc" "$cache/tofurc" || mv "$work/tofurc" "$cache/tofurc"
}

print_environment() {
  local tool
  for tool in $selected; do
    case $tool in
      tofu) echo "NEXUS_PULL_TOFU=$(get_path tofu)" ;;
      versitygw) echo "NEXUS_PULL_VERSITYGW=$(get_path versitygw)" ;;
    esac
  done
  echo "NEXUS_PULL_PROVIDER_MIRROR=$cache/mirror"
  echo "NEXUS_PULL_TOFURC=$cache/tofurc"
}

missing() {
  local tool variables=''
  for tool in $1; do variables="$variables $(env_name "$tool")"; done
  say "not there and cannot be built:$1
  Building needs Go $(oldest_go) or newer, and $([ "$go_found" = none ] && echo 'there is no go on PATH' || echo "the go on PATH is $go_found").
  Either install Go $(oldest_go) or newer (your system's packages or Go's own installer) and run this again,
  or give binaries that you have, by path:$variables
  (tofu >= $OLDEST_TOFU and versitygw >= $(version_of versitygw) are also taken from PATH)."
  exit 3
}

main() {
  local print='' only='' tool need='' lack='' status
  while [ $# -gt 0 ]; do
    case $1 in
      --print) print=1 ;;
      --only)
        only=' '
        while [ $# -gt 1 ] && [ "${2#-}" = "$2" ]; do
          case " $ALL_TOOLS " in *" $2 "*) only="$only$2 " ;; *) die 2 "no such tool: $2 (there are: $ALL_TOOLS)" ;; esac
          shift
        done
        [ "$only" != ' ' ] || die 2 "--only needs a name (there are: $ALL_TOOLS)" ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die 2 "unknown argument: $1" ;;
    esac
    shift
  done
  selected=''
  for tool in $ALL_TOOLS; do
    case ${only:- $ALL_TOOLS } in *" $tool "*) selected="$selected $tool" ;; esac
  done

  cache=${NEXUS_PULL_TOOLS:-${XDG_CACHE_HOME:-${HOME:?HOME or NEXUS_PULL_TOOLS must be set}/.cache}/nexus-pull/tools}
  mkdir -p "$cache"
  cache=$(CDPATH='' cd -- "$cache" && pwd)
  case $cache in *[\"\\$'\n']*) die 2 "cannot write an OpenTofu configuration with this folder in it: $cache" ;; esac
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  take_lock
  # What a killed run left: no one else can be writing there now.
  rm -rf "$cache"/.work.*
  work=$(mktemp -d "$cache/.work.XXXXXX")
  find_go

  for tool in $selected; do
    status=0
    use_given "$tool" || status=$?
    [ "$status" != 2 ] || exit 3
    [ "$status" = 0 ] || use_cached "$tool" || need="$need $tool"
  done
  for tool in $need; do
    if [ -n "$go_version" ]; then build "$tool"; else use_path "$tool" || lack="$lack $tool"; fi
  done
  [ -z "$lack" ] || missing "$lack"

  for tool in $selected; do
    case $tool in
      provider-proxmox) mirror "$tool" bpg/proxmox ;;
      provider-null) mirror "$tool" hashicorp/null ;;
    esac
  done
  mkdir -p "$cache/mirror"
  write_tofurc
  [ -z "$print" ] || print_environment
}

main "$@"
