#!/usr/bin/env bash
# Installs the receiver as webhook.service on the host that it runs on. The text of usage() says the rest.
set -euo pipefail
export LC_ALL=C

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly ROOT=/opt/nexus-pull-receiver
readonly CONFIG=/etc/nexus-pull-receiver/config.json
readonly DATA=/var/lib/nexus-pull-receiver
readonly LOGS=/var/log/nexus-pull-receiver
readonly LINK=/var/log/ansible-webhook.log
readonly UNIT=/etc/systemd/system/webhook.service
readonly ROTATE=/etc/logrotate.d/nexus-pull-receiver
readonly COMMAND=/usr/local/bin/nexus-pull-receiver
readonly ACCOUNT=nexus-pull
readonly KEPT=3

usage() {
  cat <<EOF
usage: bash deploy.sh [--rollback | --uninstall [--purge] | --help]     (as root, in the folder that was copied here)

Without an option it installs this folder's release, or upgrades to it: the program with a Node of its own in
$ROOT/releases, webhook.service, a user $ACCOUNT, logrotate, and the command nexus-pull-receiver.
Data in $DATA, settings in $CONFIG and the operator's secret
stay as they are. Run again, it changes nothing. When the new release does not come up, the one before runs on and this
says why.

  --rollback   the release before this one
  --uninstall  stops and removes the service and the program; data, settings and logs stay
  --purge      with --uninstall: those too

exit status: 0 done, 1 it did not come up or could not be done, 2 wrong usage, 3 this host is not one for it
EOF
}

say() { printf 'deploy: %s\n' "$*"; }
die() { local status=$1; shift; printf 'deploy: %s\n' "$*" >&2; exit "$status"; }

current() { readlink "$ROOT/current" 2>/dev/null || true; }
releases() { ls -1t "$ROOT/releases" 2>/dev/null || true; }

check_host() {
  local machine
  [ "$(id -u)" -eq 0 ] || die 3 'has to be run as root'
  command -v systemctl >/dev/null || die 3 'needs systemd'
  case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) die 3 "no release for $(uname -m)" ;;
  esac
  archive=$here/nexus-pull-receiver-linux-$machine.tar.gz
}

check_bundle() {
  [ -e "$archive" ] || die 3 "$archive is not here: make the bundle for this host's processor ($(uname -m)) with --arch"
  (cd "$here" && sha256sum --check --quiet --strict SHA256SUMS) || die 1 'a file is not as it was made: copy the folder again'
}

make_account() {
  getent passwd "$ACCOUNT" >/dev/null ||
    useradd --system --user-group --no-create-home --home-dir "$DATA" --shell /usr/sbin/nologin "$ACCOUNT"
}

# The release's name has its content in it, so that the same bundle is the same release.
unpack() {
  release=$(cat "$here/VERSION")-$(sha256sum <"$archive" | cut -c 1-12)
  local folder=$ROOT/releases/$release work=$ROOT/releases/.new
  install -d -m 0755 "$ROOT" "$ROOT/releases"
  if [ ! -e "$folder" ]; then
    rm -rf --one-file-system "$work"
    mkdir "$work"
    tar -xzf "$archive" -C "$work" --no-same-owner
    cat >"$work/run" <<'RUN'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here"/node_modules/node-linux-*/bin/node "$here/node_modules/nexus-vm-pull-receiver/dist/nexus-pull-receiver.js" "$@"
RUN
    chmod 0755 "$work/run"
    # The unit goes with the release, so that a rollback has the one that fits.
    cp "$here/webhook.service" "$here/logrotate" "$work/"
    chmod -R u=rwX,go=rX "$work"
    mv -T "$work" "$folder"
  fi
  touch "$folder"
}

write_settings() {
  install -d -m 0755 "$(dirname "$CONFIG")"
  [ -e "$CONFIG" ] || { printf '{}\n' >"$CONFIG"; chmod 0644 "$CONFIG"; }
  install -d -m 0755 -o "$ACCOUNT" -g "$ACCOUNT" "$LOGS"
  # Whoever had a log file of that name before keeps it.
  if [ -e "$LINK" ] && [ ! -L "$LINK" ]; then mv "$LINK" "$LOGS/ansible-webhook.log.before"; fi
  ln -sfn "$LOGS/ansible-webhook.log" "$LINK"
}

# Whether the command is this script's, or nobody's yet.
is_own_command() { [ ! -e "$COMMAND" ] || grep -q 'made by deploy.sh' "$COMMAND"; }

# The program with this host's data and settings, for backup, acknowledge and the like.
write_command() {
  is_own_command || { say "$COMMAND is of another make and stays; the program is $ROOT/current/run"; return; }
  install -d -m 0755 "$(dirname "$COMMAND")"
  cat >"$COMMAND.new" <<EOF
#!/bin/sh
# made by deploy.sh
export STATE_DIRECTORY=$DATA NEXUS_PULL_CONFIG=$CONFIG
umask 0027
# Never as root in a folder of the account. What is written to a file goes to a folder that the account may write to.
[ "\$(id -u)" -ne 0 ] || exec setpriv --reuid=$ACCOUNT --regid=$ACCOUNT --clear-groups --no-new-privs $ROOT/current/run "\$@"
exec $ROOT/current/run "\$@"
EOF
  chmod 0755 "$COMMAND.new"
  mv -T "$COMMAND.new" "$COMMAND"
}

# activate RELEASE: its unit, its logrotate, and the link that the unit runs
activate() {
  local folder=$ROOT/releases/$1
  if [ -e "$UNIT" ] && ! grep -q nexus-pull-receiver "$UNIT"; then
    systemctl daemon-reload
    systemctl stop webhook.service
    mv "$UNIT" "$UNIT.before"
    say "a webhook.service of another make is stopped and kept as $UNIT.before"
  fi
  install -m 0644 "$folder/webhook.service" "$UNIT"
  if [ -d "$(dirname "$ROTATE")" ]; then install -m 0644 "$folder/logrotate" "$ROTATE"; fi
  ln -sfn "$ROOT/releases/$1" "$ROOT/current.new"
  mv -T "$ROOT/current.new" "$ROOT/current"
  systemctl daemon-reload
}

# The unit is ready when the receiver says that it listens.
start() {
  systemctl enable --quiet webhook.service
  systemctl restart webhook.service
}

explain() {
  printf 'deploy: the last lines of webhook.service:\n' >&2
  journalctl -u webhook.service -n 20 --no-pager -o cat >&2 || true
}

prune() {
  local name count=0
  for name in $(releases); do
    count=$((count + 1))
    if [ "$count" -gt "$KEPT" ] && [ "$ROOT/releases/$name" != "$(current)" ]; then
      rm -rf --one-file-system "${ROOT:?}/releases/$name"
    fi
  done
}

check_settings() {
  # As the account: what it cannot read it cannot use.
  setpriv --reuid="$ACCOUNT" --regid="$ACCOUNT" --clear-groups --no-new-privs env -i PATH="$PATH" HOME="$DATA" STATE_DIRECTORY="$DATA" \
    "$ROOT/releases/$release/run" --config "$CONFIG" --check-config >/dev/null || die 1 "$CONFIG has to be mended first; nothing was changed"
}

deploy() {
  check_bundle
  make_account
  unpack
  write_settings
  check_settings
  local before
  before=$(current)
  if [ "$before" = "$ROOT/releases/$release" ] && cmp -s "$here/webhook.service" "$UNIT" && systemctl is-active --quiet webhook.service; then
    write_command
    say "release $release runs already"
    return
  fi
  activate "$release"
  if ! start; then
    explain
    if [ -n "$before" ] && [ "$before" != "$ROOT/releases/$release" ]; then
      activate "$(basename "$before")"
      start && die 1 "release $release did not come up; $(basename "$before") runs again"
    fi
    die 1 "release $release did not come up"
  fi
  [ -z "$before" ] || [ "$before" = "$ROOT/releases/$release" ] || basename "$before" >"$ROOT/before"
  prune
  write_command
  say "release $release runs; look at http://$(hostname):$(port)/ or curl http://localhost:$(port)/status"
  say "log: $LINK; settings: $CONFIG; secret: see journalctl -u webhook.service"
}

port() { sed -n 's/.*"port" *: *\([0-9]*\).*/\1/p' "$CONFIG" | grep . || echo 9191; }

rollback() {
  local before
  before=$(cat "$ROOT/before" 2>/dev/null || true)
  if [ -z "$before" ] || [ ! -d "$ROOT/releases/$before" ]; then die 1 "there is no release before this one"; fi
  basename "$(current)" >"$ROOT/before"
  activate "$before"
  start || { explain; die 1 "release $before did not come up"; }
  say "release $before runs again"
}

uninstall() {
  systemctl disable --now --quiet webhook.service 2>/dev/null || true
  rm -f "$UNIT" "$ROTATE"
  [ ! -e "$UNIT.before" ] || mv "$UNIT.before" "$UNIT"
  systemctl daemon-reload
  rm -rf --one-file-system "$ROOT"
  if is_own_command; then rm -f "$COMMAND"; fi
  if [ "${1:-}" = --purge ]; then
    rm -rf --one-file-system "$DATA" "$LOGS" "$(dirname "$CONFIG")"
    rm -f "$LINK"
    if getent passwd "$ACCOUNT" >/dev/null; then userdel "$ACCOUNT"; fi
    say 'removed, with data, settings and logs'
  else
    say "removed; $DATA, $(dirname "$CONFIG") and $LOGS are still there"
  fi
}

case "${1:-}" in
  '') check_host; deploy ;;
  --rollback) check_host; rollback ;;
  --uninstall) check_host; uninstall "${2:-}" ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
