"""Secrets never reach a log, whatever program prints them."""

import json
import os
import re

from nexus_pull import files

SHORTEST = 6
MASK = "***"
# Written the same in an address and in JSON.
PLAIN = re.compile(r"[A-Za-z0-9_.~-]*\Z")
# "- " of a list, "key: " of a mapping, and both.
VALUE = re.compile(r"^(?:- +)*(?:[^ :][^:]*: +)?(?:- +)*")


def secret_texts(paths):
    """Every form in which a secret file's content could turn up in one line of output, the longest first."""
    found = set()
    for content in _contents(paths):
        for text in _pieces(content):
            found |= {text} if PLAIN.match(text) else {text, _quoted(text), json.dumps(text)[1:-1]}
    # Shorter ones would mask ordinary words; so would the frame of a PEM file.
    kept = {text for text in found if len(text) >= SHORTEST and not text.startswith("-----")}
    return sorted(kept, key=len, reverse=True)


def _quoted(text):
    import urllib.parse

    return urllib.parse.quote(text, safe="")


def _contents(paths):
    for folder in (paths.secrets, paths.fetched):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as source:
                yield source.read()
    for path, key in ((paths.vault, "secret_id"), (paths.vault_token, "token")):
        yield str((files.read_json(path) or {}).get(key, ""))


def _pieces(content):
    """Lines; of a JSON document each text in it, of a YAML line its value, with and without what may stand around it."""
    try:
        return set(_leaves(json.loads(content)))
    except ValueError:
        lines = {line.strip() for line in content.splitlines()}
        values = {VALUE.sub("", line) for line in lines}
        return lines | {text.strip("'\"") for value in values for text in (value, value.partition(" #")[0].rstrip())}


def _leaves(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in _leaves(item)]
    if isinstance(value, list):
        return [text for item in value for text in _leaves(item)]
    return [line.strip() for line in str(value).splitlines()]


def redactor(texts):
    def redact(line):
        for text in texts:
            line = line.replace(text, MASK)
        return line

    return redact
