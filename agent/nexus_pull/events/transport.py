"""One request to the receiver: no redirect is followed, no certificate goes unchecked."""

import http.client
import urllib.error
import urllib.request

from nexus_pull import VERSION, deadline, tls
from nexus_pull.events import answers

TIMEOUT_S = 20  # of each step
LONGEST_S = 180  # of all: the largest batch at 50 kbit/s
MOST_ANSWER_BYTES = 65536


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would hand the event, and a signature that is valid for minutes, to somebody else."""

    def redirect_request(self, *args, **kwargs):
        return None


def opener(receiver):
    """What `post` needs, for the receiver of the configuration."""
    if not receiver["url"].startswith("https:"):
        return urllib.request.build_opener(_NoRedirect)
    https = urllib.request.HTTPSHandler(context=tls.context(receiver, "receiver"))
    return urllib.request.build_opener(_NoRedirect, https)


def post(way, url, headers, body, synced):
    """Send and return the Verdict. `way` is an opener; `synced` tells whether the clock is right."""
    all_headers = {**headers, "user-agent": "nexus-pull-agent/" + VERSION}
    request = urllib.request.Request(url, data=body, headers=all_headers, method="POST")
    try:
        with deadline.within(LONGEST_S):
            return _exchange(way, request)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return answers.no_answer(error, synced())


def _exchange(way, request):
    try:
        with way.open(request, timeout=TIMEOUT_S) as answer:
            return answers.judge(answer.status, {}, _read(answer))
    except urllib.error.HTTPError as error:
        with error:
            return answers.judge(error.code, {k.lower(): v for k, v in error.headers.items()}, _read(error))


def _read(error):
    try:
        return error.read(MOST_ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return b""  # it broke off: the status is known, and stands for itself
