# SPDX-License-Identifier: Apache-2.0
"""Values as Nexus and Java read them. Pure."""

from __future__ import annotations

import re
import urllib.parse


def nexus_absolute_paths(blob_stores):
    """Folders of the blob stores of type file that are not below the data directory."""
    files = [store for store in blob_stores or [] if store.get("type", "file") == "file"]
    paths = [str(store.get("path") or "") for store in files if store.get("state") != "absent"]
    return [path for path in paths if path.startswith("/")]


def nexus_url(host, port, context_path):
    """Where the role itself asks: where Nexus listens, and on this machine where that is everywhere."""
    place = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1", "[::]": "::1"}.get(host, host).strip("[]")
    shown = "[%s]" % place if ":" in place else place
    return "http://%s:%s%s" % (shown, port, context_path.rstrip("/"))


def nexus_java_major(release):
    """"17" of the file `release` of a Java; "" when it does not say."""
    found = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
    return found.group(1) if found else ""


def nexus_jdbc_url(host, port, database):
    """Where PostgreSQL's driver for Java finds a database."""
    place = "[%s]" % host if ":" in host else host
    return "jdbc:postgresql://%s:%s/%s" % (place, port, urllib.parse.quote(database, safe=""))


def nexus_property(value):
    """A value for java.util.Properties: ISO 8859-1, a backslash before what has a meaning, no blank at the start."""
    units = [int.from_bytes(pair, "big") for pair in _pairs(str(value).encode("utf-16-be"))]
    plain = "".join(_plain(chr(unit)) if 32 <= unit < 127 else "\\u%04x" % unit for unit in units)
    return "\\" + plain if plain.startswith(" ") else plain


def _plain(character):
    return "\\" + character if character in "\\=:#!" else character


def _pairs(content):
    return [content[place : place + 2] for place in range(0, len(content), 2)]


FILTERS = (nexus_absolute_paths, nexus_url, nexus_java_major, nexus_jdbc_url, nexus_property)


class FilterModule:
    """For Ansible."""

    def filters(self):
        return {function.__name__: function for function in FILTERS}
