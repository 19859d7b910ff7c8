"""Versions of collections as Galaxy compares them. Pure."""

import json
import re

CLAUSE = re.compile(r"\s*(>=|<=|==|!=|>|<|=)?\s*v?([0-9][0-9A-Za-z.+-]*)\s*\Z")
VERSION = re.compile(r"""^\s*version\s*:\s*["']?([0-9][0-9A-Za-z.+-]*|null)""", re.MULTILINE)


def satisfies(version, wanted):
    """Whether a version fits a requirement of Galaxy's form ("1.2.3", ">=1.0.0,<2.0.0", "*" or nothing)."""
    if version is None:
        return False
    if not wanted or wanted == "*" or version == "*":
        return True
    for clause in wanted.split(","):
        found = CLAUSE.match(clause)
        if clause.strip() == "*":
            continue
        if found is None:
            return False
        order = _order(version), _order(found.group(2))
        holds = {
            ">=": order[0] >= order[1],
            "<=": order[0] <= order[1],
            ">": order[0] > order[1],
            "<": order[0] < order[1],
            "!=": order[0] != order[1],
        }.get(found.group(1) or "==", order[0] == order[1])
        if not holds:
            return False
    return True


def _order(version):
    """Semantic version order; a pre-release comes before its release."""
    core, _, pre = version.partition("+")[0].partition("-")
    return [int(part) if part.isdigit() else 0 for part in core.split(".")], pre == "", pre


def on_disk(folder):
    """The version of the collection in `folder`: "*" where it names none, None where there is no collection."""
    for manifest in ("MANIFEST.json", "galaxy.yml"):
        try:
            with open("%s/%s" % (folder, manifest), encoding="utf-8", errors="replace") as stream:
                return _found_in(stream.read())
        except OSError:
            continue
    return None


def _found_in(text):
    try:
        value = json.loads(text)
        return str(value.get("collection_info", value).get("version") or "*")
    except (ValueError, AttributeError):
        found = VERSION.search(text)
    return "*" if found is None or found.group(1) == "null" else found.group(1)
