"""One event to the receiver: signed anew at each attempt, a bounded number of attempts, no redirects."""

import http.client
import json
import ssl
import urllib.error
import urllib.request

from nexus_pull import VERSION
from nexus_pull.errors import AgentError
from nexus_pull.events import signing

TIMEOUT_S = 10
PAUSES_S = (2, 4, 8, 16, 30)
LONGEST_PAUSE_S = 60
TOO_LARGE = 413  # the one answer that ends it without the receiver's own word, its body's `action`


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would hand the event, and a signature that is valid for minutes, to somebody else."""

    def redirect_request(self, *args, **kwargs):
        return None


class _Failure(Exception):
    def __init__(self, reason, message, final=False, retry_after=0):
        super().__init__(message)
        self.reason, self.message, self.final, self.retry_after = reason, message, final, retry_after


def deliver(receiver, key, event_id, body, now, sleep):
    """Returns the number of attempts. `now` and `sleep` are passed in: seconds since the epoch, and a pause."""
    opener = _opener(receiver)
    for attempt, pause in enumerate((*PAUSES_S, None), 1):
        try:
            _post(opener, receiver["url"], signing.headers(key, event_id, int(now()), body), body)
            return attempt
        except _Failure as failure:
            if pause is None or failure.final:
                raise AgentError(failure.reason, "%s (%d attempts)" % (failure.message, attempt)) from failure
            sleep(max(pause, min(failure.retry_after, LONGEST_PAUSE_S)))
    raise AssertionError("the last attempt returns or raises")


def _opener(receiver):
    context = ssl.create_default_context()
    if "ca_certificate" in receiver:
        try:
            context.load_verify_locations(cadata=receiver["ca_certificate"])
        except ssl.SSLError as error:
            raise AgentError("config_invalid", "receiver.ca_certificate is no PEM certificate") from error
    return urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))


def _post(opener, url, headers, body):
    all_headers = {
        **headers,
        "content-type": "application/cloudevents+json; charset=utf-8",
        "user-agent": "nexus-pull-agent/" + VERSION,
    }
    request = urllib.request.Request(url, data=body, headers=all_headers, method="POST")
    try:
        with opener.open(request, timeout=TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error) from None
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", None) or error
        if isinstance(cause, ssl.SSLError):
            raise _Failure("receiver_tls_failure", "TLS with the receiver failed: %s" % cause) from error
        raise _Failure("receiver_unreachable", "the receiver cannot be reached: %s" % cause) from error


def _refusal(error):
    if 300 <= error.code < 400:
        return _Failure("receiver_redirected", "the receiver's address answers with a redirect", final=True)
    said = error.read(2000).decode(errors="replace")
    try:
        action = json.loads(said).get("action")
    except (ValueError, AttributeError):
        action = None
    after = error.headers.get("retry-after", "")
    return _Failure(
        "receiver_refused",
        "the receiver answered %d: %s" % (error.code, " ".join(said.split())[:300]),
        final=action == "set_aside" or (action is None and error.code == TOO_LARGE),
        retry_after=int(after) if after.isdigit() else 0,
    )
