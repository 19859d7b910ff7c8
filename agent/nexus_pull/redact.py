"""Secrets never reach a log, whatever program prints them."""

import os
import urllib.parse

SHORTEST = 6
MASK = "***"


def secret_texts(paths):
    """Every form in which a secret file's content could turn up in one line of output, the longest first."""
    found = set()
    for name in os.listdir(paths.secrets) if os.path.isdir(paths.secrets) else ():
        with open(paths.secret(name), encoding="utf-8", errors="replace") as source:
            for line in source.read().splitlines():
                found |= {line.strip(), urllib.parse.quote(line.strip(), safe="")}
    # Shorter ones would mask ordinary words; so would the frame of a PEM file.
    kept = {text for text in found if len(text) >= SHORTEST and not text.startswith("-----")}
    return sorted(kept, key=len, reverse=True)


def redactor(texts):
    def redact(line):
        for text in texts:
            line = line.replace(text, MASK)
        return line

    return redact
