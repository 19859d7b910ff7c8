#!/usr/bin/env bash
# Proves that what tools/build.sh builds does what the project relies on. One line a check; exit 1 if one fails.
# Needs node and curl. Under a minute when the tools are built. Servers listen on loopback, on free ports.
set -uo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/nexus-pull-check.XXXXXX")
server=''
failures=0

cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null
  rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check NAME COMMAND...: runs it; on failure shows what it printed
check() {
  local name=$1 log=$scratch/check.log
  shift
  if "$@" >"$log" 2>&1; then echo "ok    $name"; return; fi
  echo "FAIL  $name"
  sed 's/^/      /' "$log" | tail -n 25
  failures=$((failures + 1))
}

expect() { # expect WHAT WANTED GOT
  [ "$2" = "$3" ] || { echo "$1: wanted '$2', got '$3'"; return 1; }
}

value() { sed -n "s/^$1=//p" "$scratch/environment"; }

# The version that a go.mod pins: read here anew, not through build.sh, which is under test.
pinned() { sed -n "s|^.*$2 v\([0-9][^ ]*\).*|\1|p" "$here/$1/go.mod" | head -n 1; }

# --- the build script itself

all_there() {
  "$here/build.sh" --print >"$scratch/environment" || return 1
  local key
  for key in NEXUS_PULL_TOFU NEXUS_PULL_VERSITYGW NEXUS_PULL_PROVIDER_MIRROR NEXUS_PULL_TOFURC; do
    [ -e "$(value $key)" ] || { echo "$key: nothing at '$(value $key)'"; return 1; }
  done
}

second_run_is_quick() {
  local said took TIMEFORMAT='%U %S'
  took=$( { time "$here/build.sh" >"$scratch/out" 2>&1; } 2>&1) || return 1
  # Another program may have looked at the same moment.
  said=$(grep -v 'waiting for another run to finish' "$scratch/out")
  echo "took $took s of the processors"
  expect 'said' '' "$said" || return 1
  # Of the processors, since a busy machine is not a broken script. The goal is one second; twice that for a slow one.
  echo "$took" | awk '{ exit !($1 + $2 < 2) }'
}

# What build.sh needs besides Go, and nothing else, as a PATH.
path_without_go() {
  local bin=$scratch/bin-without-go command found
  mkdir -p "$bin"
  for command in bash sh dirname basename sed awk sort head tail tr cut cat cp mv mkdir rmdir rm ln readlink mktemp \
    sha256sum shasum flock uname wc cmp sleep; do
    found=$(command -v "$command") && ln -sf "$found" "$bin/$command"
  done
  echo "$bin"
}

no_go_is_one_clear_error() {
  local status=0
  PATH=$(path_without_go) NEXUS_PULL_TOOLS=$scratch/empty "$here/build.sh" --print >"$scratch/out" 2>"$scratch/err" || status=$?
  cat "$scratch/err"
  expect status 3 "$status" && expect 'standard output' '' "$(cat "$scratch/out")" &&
    expect 'errors' 1 "$(grep -c '^tools: ' "$scratch/err")" &&
    grep -q 'no go on PATH' "$scratch/err" && grep -q 'Go 1\.26\.6 or newer' "$scratch/err" &&
    grep -q NEXUS_PULL_PROVIDER_NULL_BIN "$scratch/err"
}

cached_binaries_need_no_go() {
  PATH=$(path_without_go) "$here/build.sh" --print >"$scratch/out" && diff "$scratch/environment" "$scratch/out"
}

old_go_is_refused() {
  local bin status=0
  bin=$(path_without_go)-old
  cp -R "$(path_without_go)" "$bin"
  printf '#!/bin/sh\nprintf "go1.25.9\\nlinux\\namd64\\n"\n' >"$bin/go"
  chmod +x "$bin/go"
  PATH=$bin NEXUS_PULL_TOOLS=$scratch/empty "$here/build.sh" 2>"$scratch/err" || status=$?
  cat "$scratch/err"
  expect status 3 "$status" && grep -q 'the go on PATH is 1\.25\.9' "$scratch/err"
}

given_binaries_need_no_go() {
  local providers
  providers=$(value NEXUS_PULL_PROVIDER_MIRROR)/registry.opentofu.org
  PATH=$(path_without_go) NEXUS_PULL_TOOLS=$scratch/given \
    NEXUS_PULL_TOFU_BIN=$(value NEXUS_PULL_TOFU) NEXUS_PULL_VERSITYGW_BIN=$(value NEXUS_PULL_VERSITYGW) \
    NEXUS_PULL_PROVIDER_PROXMOX_BIN=$(echo "$providers"/bpg/proxmox/*/*/terraform-provider-proxmox*) \
    NEXUS_PULL_PROVIDER_NULL_BIN=$(echo "$providers"/hashicorp/null/*/*/terraform-provider-null*) \
    "$here/build.sh" --print >"$scratch/given-environment" || return 1
  offline_init given "$(sed -n 's/^NEXUS_PULL_TOFURC=//p' "$scratch/given-environment")" bpg/proxmox hashicorp/null
}

path_binaries_are_taken_when_new_enough() {
  local bin status=0
  bin=$(path_without_go)-tofu
  cp -R "$(path_without_go)" "$bin"
  ln -s "$(value NEXUS_PULL_TOFU)" "$bin/tofu"
  PATH=$bin NEXUS_PULL_TOOLS=$scratch/path "$here/build.sh" --print --only tofu >"$scratch/out" || return 1
  grep -qx "NEXUS_PULL_TOFU=$bin/tofu" "$scratch/out" || { cat "$scratch/out"; return 1; }
  rm "$bin/tofu"
  printf '#!/bin/sh\necho "OpenTofu v1.9.4"\n' >"$bin/tofu"
  chmod +x "$bin/tofu"
  PATH=$bin NEXUS_PULL_TOOLS=$scratch/path "$here/build.sh" --only tofu || status=$?
  expect 'status with tofu 1.9.4' 3 "$status"
}

# In a cache of its own, with the smallest tool.
corrupted_binary_is_rebuilt() {
  local cache=$scratch/corrupt binary before
  NEXUS_PULL_TOOLS=$cache "$here/build.sh" --only provider-null || return 1
  binary=$(echo "$cache"/provider-null/*/terraform-provider-null_stand-in)
  before=$(cat "$cache/SHA256SUMS")
  printf 'x' >>"$binary"
  NEXUS_PULL_TOOLS=$cache "$here/build.sh" --only provider-null 2>"$scratch/err" || return 1
  cat "$scratch/err"
  expect 'lines about it' 1 "$(grep -c 'does not match SHA256SUMS' "$scratch/err")" || return 1
  # The same bytes again: the build is reproducible, else this would be a new sum.
  expect SHA256SUMS "$before" "$(cat "$cache/SHA256SUMS")" &&
    (cd "$cache" && if command -v sha256sum >/dev/null; then sha256sum -c SHA256SUMS; else shasum -a 256 -c SHA256SUMS; fi)
}

two_runs_at_once_build_once() {
  local first second status=0
  NEXUS_PULL_TOOLS=$scratch/race "$here/build.sh" --only provider-null 2>"$scratch/race-1" & first=$!
  NEXUS_PULL_TOOLS=$scratch/race "$here/build.sh" --only provider-null 2>"$scratch/race-2" & second=$!
  wait "$first" || status=1
  wait "$second" || status=1
  cat "$scratch/race-1" "$scratch/race-2"
  expect status 0 "$status" && expect builds 1 "$(cat "$scratch/race-1" "$scratch/race-2" | grep -c ': building ')"
}

# --- OpenTofu and the providers

# tofu FOLDER ARGUMENTS...: the built one, with the mirror, and with a proxy that is not there: a request to the network fails.
tofu() {
  local folder=$1
  shift
  TF_CLI_CONFIG_FILE=${tofurc:-$(value NEXUS_PULL_TOFURC)} HTTPS_PROXY=http://127.0.0.1:9 TF_IN_AUTOMATION=1 \
    "$(value NEXUS_PULL_TOFU)" -chdir="$folder" "$@"
}

tofu_says_its_version() {
  local wanted
  wanted=$(pinned tofu github.com/opentofu/opentofu)
  [ -n "$wanted" ] && expect 'first line' "OpenTofu v$wanted" "$(tofu "$scratch" version | head -n 1)" &&
    expect terraform_version "$wanted" "$(tofu "$scratch" version -json | node -p 'JSON.parse(fs.readFileSync(0)).terraform_version')"
}

required_providers() { # required_providers PROXMOX_SOURCE NULL_SOURCE
  printf 'terraform {\n  required_providers {\n'
  printf '    proxmox = {\n      source = "%s"\n      version = ">= 0.111.1, < 1.0.0"\n    }\n' "$1"
  printf '    null = {\n      source = "%s"\n      version = "~> 3.2"\n    }\n  }\n}\n' "$2"
}

offline_init() { # offline_init NAME TOFURC PROXMOX_SOURCE NULL_SOURCE
  local folder=$scratch/init-$1 tofurc=$2
  mkdir -p "$folder"
  required_providers "$3" "$4" >"$folder/main.tf"
  cat >>"$folder/main.tf" <<'EOF'
provider "proxmox" {
  endpoint  = "https://127.0.0.1:9/"
  api_token = "root@pam!check=00000000-0000-0000-0000-000000000000"
}
resource "proxmox_virtual_environment_vm" "check" {
  node_name = "pve"
}
resource "null_resource" "check" {}
EOF
  tofu "$folder" init -input=false -no-color && tofu "$folder" validate -no-color &&
    grep -q "\"$(pinned provider-proxmox github.com/bpg/terraform-provider-proxmox)\"" "$folder/.terraform.lock.hcl"
}

null_schema() {
  local folder=$scratch/null-schema
  mkdir -p "$folder"
  printf 'terraform {\n  required_providers {\n    null = {\n      source = "hashicorp/null"\n    }\n  }\n}\n' >"$folder/main.tf"
  tofu "$folder" init -input=false -no-color >/dev/null && tofu "$folder" providers schema -json >"$scratch/null.json"
}

schemas_are_equal() { null_schema && node "$here/schema-diff.mjs" "$here/../schemas/null.json" "$scratch/null.json"; }

# Breaks a copy of the stand-in's schema in one way at a time: each must be seen.
schema_check_goes_red() {
  local breakage
  for breakage in 'delete r.attributes.triggers' 'r.attributes.triggers.type = "string"' 'delete r.attributes.id.computed' \
    'r.attributes.id.optional = true' 'r.attributes.extra = { type: "string", optional: true }' 'delete d.deprecated' \
    'd.attributes.random.sensitive = true' 'delete d.attributes.id.deprecated' 'p.resource_schemas.null_other = {}'; do
    node -e "
      const all = JSON.parse(fs.readFileSync('$scratch/null.json'));
      const p = Object.values(all.provider_schemas)[0];
      const r = p.resource_schemas.null_resource.block, d = p.data_source_schemas.null_data_source.block;
      $breakage;
      fs.writeFileSync('$scratch/broken.json', JSON.stringify(all));" || return 1
    if node "$here/schema-diff.mjs" "$here/../schemas/null.json" "$scratch/broken.json"; then
      echo "not seen: $breakage"
      return 1
    fi
  done
}

stand_in_says_so() {
  local binary
  binary=$(echo "$(value NEXUS_PULL_PROVIDER_MIRROR)"/registry.opentofu.org/hashicorp/null/*/*/terraform-provider-null*)
  "$binary" -version && "$binary" -version | grep -q 'stand-in.*not the real' &&
    node -e "
      const p = Object.values(JSON.parse(fs.readFileSync('$scratch/null.json')).provider_schemas)[0];
      const blocks = [p.provider, p.resource_schemas.null_resource, p.data_source_schemas.null_data_source];
      if (!blocks.every((b) => /stand-in/i.test(b.block.description))) throw new Error('a description does not say stand-in');" &&
    TF_LOG=warn tofu "$scratch/null-schema" providers schema -json 2>&1 >/dev/null | grep -q 'stand-in for the null provider'
}

null_life_cycle() {
  local folder=$scratch/life id
  mkdir -p "$folder"
  cat >"$folder/main.tf" <<'EOF'
terraform {
  required_providers {
    null = {
      source = "hashicorp/null"
    }
  }
}
variable "trigger" { type = string }
resource "null_resource" "a" {
  triggers = {
    value = var.trigger
  }
  provisioner "local-exec" {
    command = "echo create ${self.triggers.value} >> log"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo destroy ${self.triggers.value} >> log"
  }
}
data "null_data_source" "d" {
  inputs = {
    a = "1"
  }
}
output "id" { value = null_resource.a.id }
output "data" {
  value = [data.null_data_source.d.outputs.a, data.null_data_source.d.has_computed_default, data.null_data_source.d.id]
}
EOF
  life() { local command=$1 trigger=$2; shift 2; tofu "$folder" "$command" -no-color -auto-approve -var "trigger=$trigger" "$@"; }
  tofu "$folder" init -input=false -no-color >/dev/null && life apply one || return 1
  id=$(tofu "$folder" output -raw id)
  [[ $id =~ ^[0-9]+$ ]] || { echo "id: $id"; return 1; }
  expect data '["1","default","static"]' "$(tofu "$folder" output -json data)" || return 1
  # The data source's `random` is read anew each time, so the plan's exit code is about the resource and the outputs.
  tofu "$folder" plan -no-color -detailed-exitcode -var trigger=one || { echo 'not an empty plan'; return 1; }
  life apply two | tee "$folder/second" || return 1
  grep -q 'must be replaced' "$folder/second" && [ "$(tofu "$folder" output -raw id)" != "$id" ] || { echo 'not replaced'; return 1; }
  life destroy two || return 1
  expect provisioners 'create one,destroy one,create two,destroy two' "$(paste -s -d, "$folder/log")" &&
    expect 'left in the state' '' "$(tofu "$folder" state list)"
}

# --- S3

start_s3() {
  port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
  mkdir -p "$scratch/s3/state"
  ROOT_ACCESS_KEY=check ROOT_SECRET_KEY=check-secret "$(value NEXUS_PULL_VERSITYGW)" --port "127.0.0.1:$port" \
    posix "$scratch/s3" >"$scratch/s3.log" 2>&1 &
  server=$!
  local tries
  for tries in $(seq 50); do
    curl -s -o "$scratch/out" "http://127.0.0.1:$port/" && return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "no answer after $tries tries"
  cat "$scratch/s3.log"
  return 1
}

put_if_absent() {
  printf 'user = "check:check-secret"\n' | curl -s -K - -o "$scratch/out" -w '%{http_code}' --aws-sigv4 'aws:amz:us-east-1:s3' \
    -X PUT -H 'If-None-Match: *' -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --data-binary "$1" "http://127.0.0.1:$port/state/probe"
}

second_conditional_put_is_412() {
  expect 'first PUT' 200 "$(put_if_absent one)" && expect 'second PUT' 412 "$(put_if_absent two)" &&
    expect content one "$(cat "$scratch/s3/state/probe")"
}

second_apply_meets_the_lock() {
  local folder=$scratch/lock first status=0 tries
  mkdir -p "$folder"
  cat >"$folder/main.tf" <<EOF
terraform {
  required_providers {
    null = {
      source = "hashicorp/null"
    }
  }
  backend "s3" {
    bucket                      = "state"
    key                         = "check/terraform.tfstate"
    region                      = "us-east-1"
    endpoints                   = { s3 = "http://127.0.0.1:$port" }
    use_path_style              = true
    use_lockfile                = true
    skip_credentials_validation = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
  }
}
resource "null_resource" "slow" {
  provisioner "local-exec" {
    command = "until [ -e go-on ]; do sleep 0.1; done"
  }
}
EOF
  export AWS_ACCESS_KEY_ID=check AWS_SECRET_ACCESS_KEY=check-secret
  tofu "$folder" init -input=false -no-color >/dev/null || return 1
  tofu "$folder" apply -no-color -auto-approve >"$folder/first" 2>&1 & first=$!
  for tries in $(seq 100); do [ -e "$scratch/s3/state/check/terraform.tfstate.tflock" ] && break; sleep 0.1; done
  tofu "$folder" apply -no-color -auto-approve >"$folder/second" 2>&1 || status=$?
  touch "$folder/go-on"
  wait "$first" || { cat "$folder/first"; return 1; }
  cat "$folder/second"
  echo "lock seen after $tries tries"
  expect 'status of the second apply' 1 "$status" && grep -q 'Error acquiring the state lock' "$folder/second" &&
    grep -q 412 "$folder/second" && [ ! -e "$scratch/s3/state/check/terraform.tfstate.tflock" ] &&
    tofu "$folder" apply -no-color -auto-approve
}

check 'build.sh: everything is there' all_there
[ "$failures" = 0 ] || exit 1
check 'build.sh: a second run says nothing and is quick' second_run_is_quick
# From here on the checks decide themselves what build.sh is given.
given=$(compgen -v | grep -E '^NEXUS_PULL_[A-Z_]*_BIN$' || true)
# shellcheck disable=SC2086 # a list of names
unset $given
builds=''
[ -n "$given" ] || ! command -v go >/dev/null || builds=1
check 'build.sh: no Go, empty cache: one clear error, exit 3' no_go_is_one_clear_error
check 'build.sh: an old Go is refused, exit 3' old_go_is_refused
check 'build.sh: given binaries need no Go, and the mirror of them works' given_binaries_need_no_go
check 'build.sh: tofu on PATH is taken without Go, an old one is not' path_binaries_are_taken_when_new_enough
if [ -n "$builds" ]; then
  check 'build.sh: no Go, all built before: nothing is missing' cached_binaries_need_no_go
  check 'build.sh: a corrupted binary is noticed and rebuilt to the same bytes' corrupted_binary_is_rebuilt
  check 'build.sh: two runs at once build once' two_runs_at_once_build_once
else
  echo 'skip  build.sh: three checks of building (no Go here, or binaries were given)'
fi
check 'tofu: its version is exactly the pinned one' tofu_says_its_version
check 'tofu: offline init and validate, short addresses' offline_init short '' bpg/proxmox hashicorp/null
check 'tofu: offline init and validate, Terraform registry addresses' \
  offline_init long '' registry.terraform.io/bpg/proxmox registry.terraform.io/hashicorp/null
check 'null stand-in: schema equals schemas/null.json' schemas_are_equal
check 'null stand-in: that check goes red for nine kinds of break' schema_check_goes_red
check 'null stand-in: it says that it is one' stand_in_says_so
check 'null stand-in: create, replace on trigger, destroy, with provisioners' null_life_cycle
check 'versitygw: starts on loopback' start_s3
check 'versitygw: the second conditional PUT is 412' second_conditional_put_is_412
check 'versitygw: a second tofu apply meets the native S3 lock' second_apply_meets_the_lock

[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
