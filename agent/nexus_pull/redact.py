"""Secrets never reach a log, whatever program prints them."""

import binascii
import json
import os
import re

from nexus_pull import files

# From here on a text is masked wherever it stands, a shorter one only as a word of its own.
SHORTEST = 6
SHORTEST_WORD = 4
# In base64 a shorter one is a few characters that stand in any text.
SHORTEST_ENCODED = 8
MASK = "***"
# Written the same in an address and in JSON.
PLAIN = re.compile(r"[A-Za-z0-9_.~-]*\Z")
# What comes before a word: also a line break as JSON writes it, and a colour.
WORD = r"(?:(?<!\w)|(?<=\\[nrt]|[\d[]m))(?:%s)(?!\w)"
# The words in which ansible and its evidence speak: without them nobody could read either, the agent no better than people.
SPOKEN = frozenset(
    "true false none null begin play task diff stats truncated changed failed ignored rescued unreachable skipped skipping"
    " included running notice prompt_unanswered tags_unknown fatal error".split()
)
# Nobody takes these for secrets: no word, a key of YAML.
NO_SECRET = re.compile(r"\W*|true|false|none|null|yes|no|on|off|\d{1,3}|-----.*|.*:", re.IGNORECASE)
# "- " of a list, "key: " of a mapping, and both.
VALUE = re.compile(r"^(?:- +)*(?:[^ :][^:]*: +)?(?:- +)*")


def secret_texts(paths):
    """Every form in which a secret file's content could turn up in one line of output, the longest first."""
    found = set()
    for _, content in _contents(paths):
        for text in filter(_is_masked, _pieces(content)):
            found |= {text} if PLAIN.match(text) else {text, _quoted(text), json.dumps(text)[1:-1]}
            found |= _base64_forms(text)
    return sorted(found, key=len, reverse=True)


def unmasked(paths):
    """What there is to say of secrets that nothing masks, a line each."""
    names = set()
    for name, content in _contents(paths):
        if not all(_is_masked(text) or NO_SECRET.fullmatch(text) for text in _pieces(content)):
            names.add(name)
    said = "secret %%s: a value is NOT MASKED in logs: shorter than %d characters, or a word of ansible's own" % SHORTEST_WORD
    return [said % name for name in sorted(names)]


def _is_masked(text):
    # The frame of a PEM file is nobody's secret.
    return len(text) >= SHORTEST_WORD and text.lower() not in SPOKEN and not text.startswith("-----")


def _base64_forms(text):
    """As it stands in a base64 text, wherever it begins in what was encoded: only the characters that are its alone."""
    content = text.encode()
    if len(content) < SHORTEST_ENCODED:
        return set()
    found = set()
    for before in range(3):
        encoded = binascii.b2a_base64(b"\0" * before + content, newline=False).rstrip(b"=")
        last = len(encoded) - ((before + len(content)) % 3 > 0)
        form = encoded[(0, 2, 3)[before] : last].decode()
        found |= {form, form.replace("+", "-").replace("/", "_")}
    return found


def _quoted(text):
    import urllib.parse

    return urllib.parse.quote(text, safe="")


def _contents(paths):
    for folder in (paths.secrets, paths.fetched):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as source:
                yield name, source.read()
    for path, key in ((paths.vault, "secret_id"), (paths.vault_token, "token")):
        yield key, str((files.read_json(path) or {}).get(key, ""))


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
    words = "|".join(re.escape(text) for text in texts if len(text) < SHORTEST)
    alone = re.compile(WORD % words) if words else None
    texts = [text for text in texts if len(text) >= SHORTEST]

    def redact(line):
        for text in texts:
            line = line.replace(text, MASK)
        return alone.sub(MASK, line) if alone else line

    return redact
