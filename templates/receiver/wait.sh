#!/bin/sh
# shellcheck disable=SC2153
# Waits until the receiver says that a VM is Configured, or Failed. A local-exec provisioner evaluates it; it needs sh and
# curl >= 7.58, nothing else.
#
# Environment, all with the prefix NEXUS_PULL_:
#   WHAT            the VM's name
#   URL             the address of its wait; answers 200 Configured, 409 Failed, 504 not yet
#   COMMIT          only this commit counts; empty: whichever the VM calls intended
#   TIMEOUT_S       seconds to wait in all
#   ID, MAC         the request's id and its MAC; every repetition sends the same, since a wait changes nothing
#   CA              PEM certificates; empty: the system's
set -u

newline='
'
# One request is held this long: below the 60 s after which proxies commonly give up.
hold_s=30

# -q: a .curlrc must not change what is asked. Headers come by descriptor 3, certificates by 4.
ask() {
  set -- --silent --show-error --globoff --proto '=http,https' --get --data "timeout_s=$1" --connect-timeout 5 --max-time "$(($1 + 10))" \
    --write-out '\n%{http_code}'
  if [ -n "${NEXUS_PULL_COMMIT-}" ]; then set -- "$@" --data-urlencode "commit=$NEXUS_PULL_COMMIT"; fi
  if [ -n "${NEXUS_PULL_CA-}" ]; then set -- "$@" --cacert /dev/fd/4; fi
  curl -q "$@" --config /dev/fd/3 "$NEXUS_PULL_URL" 3<<HEADERS 4<<CERTIFICATES
header = "nexus-pull-id: $NEXUS_PULL_ID"
header = "nexus-pull-mac: v1,$NEXUS_PULL_MAC"
HEADERS
${NEXUS_PULL_CA-}
CERTIFICATES
}

# An answer may be long, and must not move the terminal's cursor.
shown() {
  printf '%.4000s' "$1" | LC_ALL=C tr -d '\000-\010\013-\037\177'
}

fail() {
  cat >&2 <<MESSAGE

nexus-pull: $1
  asked:   GET $NEXUS_PULL_URL
  answer:  $(shown "$last")
  effect:  The VM is there and goes on by itself; only the wait failed.
  remedy:  $2
MESSAGE
  exit 1
}

# Says what is new, so that a long wait is neither silent nor a flood.
note() {
  if [ "$1" != "$last" ]; then
    last=$1
    echo "nexus-pull: $NEXUS_PULL_WHAT: not yet: $(shown "$last")"
  fi
}

deadline=$(($(date +%s) + NEXUS_PULL_TIMEOUT_S))
last='none yet'
while :; do
  left=$((deadline - $(date +%s)))
  if [ "$left" -lt 1 ]; then
    fail "$NEXUS_PULL_WHAT is not Configured after $NEXUS_PULL_TIMEOUT_S s." \
      'see what it does (nexus-pull why), then apply again: the wait starts anew. Or raise waitForConfigured.timeout.'
  fi
  if [ "$left" -gt "$hold_s" ]; then left=$hold_s; fi
  curl_status=0
  answer=$(ask "$left") || curl_status=$?
  status=${answer##*"$newline"}
  text=${answer%"$newline"*}
  if [ "$curl_status" -ne 0 ]; then status=000; fi
  case $status in
    200)
      echo "nexus-pull: $NEXUS_PULL_WHAT: Configured: $(shown "$text")"
      exit 0
      ;;
    409)
      last=$text
      fail "$NEXUS_PULL_WHAT FAILED to configure itself." \
        'the answer says why; when it is repaired (often by a commit), apply again: the wait starts anew.'
      ;;
    504) note "$text" ;;
    000) note "the receiver did not answer (curl ended with $curl_status)" ;;
    429 | 5??) note "the receiver is in trouble: HTTP $status $text" ;;
    *)
      last="HTTP $status $text"
      fail "the receiver refuses to say whether $NEXUS_PULL_WHAT is Configured." \
        'the answer says why. 401 or 403: webhook_secret must be one of the operator secrets that the receiver knows.'
      ;;
  esac
  sleep 1
done
