# SPDX-License-Identifier: Apache-2.0
"""Text of any origin made fit for one line of JSON. Pure."""

from __future__ import annotations

# Control characters could move a terminal's cursor where somebody reads a log.
_CONTROLS = {code: " " for code in (*range(32), *range(127, 160)) if code != 10}
_ONE_LINE = {**_CONTROLS, 10: " "}
_CUT = "\n[...]\n"


def line(value, limit):
    """A name: one line, at most `limit` characters."""
    return _unicode(_string(value)[:limit]).translate(_ONE_LINE)


def lines(value, limit):
    """A message: newlines stay. What is too long loses its middle: a cause is at the start or at the end."""
    text = _string(value)
    if len(text) > 4 * limit:  # so that the rest of the work is bounded
        text = text[: 2 * limit] + text[-2 * limit :]
    text = _unicode(text).translate(_CONTROLS).strip()
    if len(text) <= limit:
        return text
    head = (limit - len(_CUT)) // 2
    return text[:head] + _CUT + text[len(text) - (limit - len(_CUT) - head) :]


def _string(value):
    return value if isinstance(value, str) else str(value)


def _unicode(text):
    """Also makes a plain str of Ansible's tagged ones; a lone surrogate, as of a broken file name, cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")
