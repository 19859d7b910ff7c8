#!/bin/sh
# shellcheck disable=SC2153
# Sends one signed request to the receiver. A local-exec provisioner evaluates it; it needs sh and curl >= 7.58, nothing else.
#
# Environment, all with the prefix NEXUS_PULL_:
#   METHOD, URL     the request
#   ID, MAC         the request's id and its MAC; a retry repeats both, and the receiver answers it as it did the first time
#   BODY_0, ...     the body in pieces, since Linux limits one variable to 128 KiB; none: no body
#   CA              PEM certificates; empty: the system's
#   WHAT, EFFECT    for the message: what is sent, what a failure means for the VMs
#   MAY_SKIP        1: with NEXUS_PULL_RECEIVER_GONE=1 nothing is sent
set -u

budget_s=10
newline='
'

# printf is a builtin, so no piece passes through a program's arguments.
print_body() {
  i=0
  while eval "[ \"\${NEXUS_PULL_BODY_$i+set}\" = set ]"; do
    eval "printf '%s' \"\$NEXUS_PULL_BODY_$i\""
    i=$((i + 1))
  done
}

# -q: a .curlrc must not change what is asked. Headers come by descriptor 3, certificates by 4, the body by standard input.
send() {
  type='Content-Type:'
  if [ -n "${NEXUS_PULL_BODY_0-}" ]; then type='Content-Type: application/json'; fi
  set -- --silent --show-error --globoff --proto '=http,https' --request "$NEXUS_PULL_METHOD" --header "$type" --header 'Expect:' \
    --connect-timeout 3 --max-time "$1" --write-out '\n%{http_code}'
  if [ -n "${NEXUS_PULL_CA-}" ]; then set -- "$@" --cacert /dev/fd/4; fi
  print_body | curl -q "$@" --data-binary @- --config /dev/fd/3 "$NEXUS_PULL_URL" 3<<HEADERS 4<<CERTIFICATES
header = "nexus-pull-id: $NEXUS_PULL_ID"
header = "nexus-pull-mac: v1,$NEXUS_PULL_MAC"
HEADERS
${NEXUS_PULL_CA-}
CERTIFICATES
}

# An answer may be long, and must not move the terminal's cursor.
shown() {
  printf '%.1000s' "$1" | LC_ALL=C tr -d '\000-\010\013-\037\177'
}

remedy() {
  case $status in
    000)
      echo 'see that the receiver runs and that this machine reaches it (address, DNS, proxy, firewall), then apply again.'
      case $curl_status in
        60 | 77) echo '           Its certificate is not trusted here: set caCertificate of the Receiver.' ;;
        127) echo '           curl is missing here: install it.' ;;
      esac
      ;;
    401 | 403) echo 'webhook_secret must be one of the operator secrets that the receiver knows; correct it, then apply again.' ;;
    404 | 405) echo 'webhook_url must be the full address of a receiver, ending in /webhook; correct it, then apply again.' ;;
    429 | 5??) echo 'the receiver is in trouble: see its log, then apply again.' ;;
    *) echo 'the answer says why; correct it, then apply again.' ;;
  esac
  if [ "${NEXUS_PULL_MAY_SKIP-}" = 1 ]; then
    echo '           Only if that receiver is gone for good: NEXUS_PULL_RECEIVER_GONE=1 in the environment skips this.'
  fi
}

fail() {
  if [ "$status" = 000 ]; then
    answer="none (curl ended with $curl_status; its own words are above)"
  else
    answer="HTTP $status $(shown "$text")"
  fi
  cat >&2 <<MESSAGE

nexus-pull: $NEXUS_PULL_WHAT was NOT delivered.
  tried:   $NEXUS_PULL_METHOD $NEXUS_PULL_URL, $attempts time(s) in $(($(date +%s) - started)) s
  answer:  $answer
  effect:  $NEXUS_PULL_EFFECT
  remedy:  $(remedy)
MESSAGE
  exit 1
}

if [ "${NEXUS_PULL_MAY_SKIP-}" = 1 ] && [ "${NEXUS_PULL_RECEIVER_GONE-}" = 1 ]; then
  echo "nexus-pull: NOT sent, as NEXUS_PULL_RECEIVER_GONE=1 asks: $NEXUS_PULL_WHAT"
  exit 0
fi

started=$(date +%s)
attempts=0
while :; do
  left=$((started + budget_s - $(date +%s)))
  if [ "$left" -lt 1 ]; then left=1; fi
  attempts=$((attempts + 1))
  curl_status=0
  answer=$(send "$left") || curl_status=$?
  status=${answer##*"$newline"}
  text=${answer%"$newline"*}
  # An answer that broke off says nothing, whatever its first line was.
  if [ "$curl_status" -ne 0 ]; then status=000; fi
  case $status in
    2??)
      echo "nexus-pull: delivered $NEXUS_PULL_WHAT"
      exit 0
      ;;
    000 | 429 | 5??) ;;
    *) fail ;;
  esac
  case $curl_status in
    # Neither an untrusted certificate nor a missing program or protocol gets better by waiting.
    1 | 2 | 3 | 60 | 77 | 126 | 127) fail ;;
  esac
  if [ $(($(date +%s) + attempts - started)) -ge "$budget_s" ]; then fail; fi
  sleep "$attempts"
done
