# SPDX-License-Identifier: Apache-2.0
"""How many lines a task changed, never which: a diff may show what nobody should read. Pure."""

from __future__ import annotations

import json
from collections import Counter

# A longer text is not compared line by line: a task must not wait for it.
MOST_COMPARED = 256 * 1024


def summaries(result):
    """[(file, lines added, lines removed)] of the result and of its items."""
    found = []
    items = result.get("results")
    for one in items if isinstance(items, list) and "diff" not in result else [result]:
        if isinstance(one, dict) and one.get("diff"):
            diffs = one["diff"] if isinstance(one["diff"], list) else [one["diff"]]
            found += [summary for summary in (_summary(diff, one) for diff in diffs) if summary]
    return found


def _summary(diff, result):
    if not isinstance(diff, dict):
        return None
    if "prepared" in diff:
        added, removed = _prepared(str(diff["prepared"]))
    else:
        added, removed = _compared(_text(diff.get("before")), _text(diff.get("after")))
    if not added and not removed:
        return None
    name = result.get("dest") or result.get("path") or diff.get("before_header") or diff.get("after_header") or ""
    return str(name), added, removed


def _compared(before, after):
    if len(before) + len(after) > MOST_COMPARED:
        grown = after.count("\n") - before.count("\n")
        return max(grown, 1), max(-grown, 1)
    old, new = Counter(before.splitlines()), Counter(after.splitlines())
    return sum((new - old).values()), sum((old - new).values())


def _prepared(text):
    lines = text[:MOST_COMPARED].splitlines()
    added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    removed = sum(line.startswith("-") and not line.startswith("---") for line in lines)
    return added, removed


def _text(value):
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, indent=0, sort_keys=True, default=str)
