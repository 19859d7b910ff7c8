#!/usr/bin/env python3
"""Build agent/built/ from agent/nexus_pull/ and the contract's schemas: the same bytes at every time and place.

nexus-pull-agent         one executable file, a Python zip application. Stored, not deflated: its sha256 must not depend
                         on a zlib version, and gzip compresses the whole better than zip does file by file.
nexus-pull-agent.gz.b64  the same, as the seed carries it. Committed, because deflate differs between zlib versions.
manifest.json            version and sha256.
"""

import argparse
import ast
import base64
import gzip
import hashlib
import io
import json
import os
import sys
import tokenize
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
CONTRACT = os.path.join(os.path.dirname(HERE), "contract")
# What the run adds to ansible: the same files that the Ansible repository has.
PLUGINS = os.path.join(os.path.dirname(HERE), "ansible-playbooks", "plugins")
PLUGIN_SOURCES = ("callback/nexus_pull.py", "nexus_pull_report")
SCHEMAS = ("agent-config.schema.json", "seed.schema.json")
# Isolated: no PYTHON* variable, no user site and no *.pth file can change what a program of root's does, or slow its start.
FLAGS = "-IS"
SHEBANG = b"#!/usr/bin/python3 " + FLAGS.encode() + b"\n"
EPOCH = (1980, 1, 1, 0, 0, 0)
START = b"from nexus_pull.compiled import start\nimport sys\nsys.exit(start())\n"


def sources():
    """{name in the archive: bytes}."""
    package = os.path.join(HERE, "nexus_pull")
    found = {}
    for folder, _, names in os.walk(package):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                found[os.path.relpath(path, HERE).replace(os.sep, "/")] = without_prose(_read(path))
    del found["nexus_pull/__main__.py"]
    found["__main__.py"] = START
    for name in SCHEMAS:
        schema = _without_descriptions(json.loads(_read(os.path.join(CONTRACT, name))))
        found["nexus_pull/schemas/" + name] = _compact(schema)
    found["nexus_pull/schemas/rejections.json"] = _compact(_rejections())
    plugins = dict(_plugins())
    found.update(("nexus_pull/plugins/" + name, content) for name, content in plugins.items())
    found["nexus_pull/plugins/INDEX"] = "".join(name + "\n" for name in sorted(plugins)).encode()
    return found


# What the callback needs to post by itself, which it never does in an agent's run.
BY_HAND_ONLY = ("by_hand.py", "checkout.py", "events.py", "sender.py")


def _plugins():
    for source in PLUGIN_SOURCES:
        path = os.path.join(PLUGINS, source)
        names = [source] if os.path.isfile(path) else ["%s/%s" % (source, name) for name in os.listdir(path)]
        for name in names:
            if name.endswith(".py") and os.path.basename(name) not in BY_HAND_ONLY:
                yield name, _read(os.path.join(PLUGINS, name))


def _rejections():
    """Of rejections.json what a sender of events needs."""
    whole = json.loads(_read(os.path.join(CONTRACT, "rejections.json")))
    prose = ("meaning", "remedy", "on")
    answers = [
        {key: value for key, value in row.items() if key not in prose}
        for row in whole["other_answers"] + [row for row in whole["rejections"] if "webhook" in row["on"]]
    ]
    return {"limits": whole["limits"], "answers": answers}


def _compact(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def program():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(sources().items(), key=_beside_its_like):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return SHEBANG + buffer.getvalue()


def _beside_its_like(item):
    """Code, then data; files of one folder side by side: deflate looks back 32 KiB, and so finds a hundredth more."""
    name, _ = item
    return not name.endswith(".py"), name.count("/"), name


def products():
    """{file name below built/: bytes}."""
    content = program()
    version = _version()
    manifest = {"sha256": hashlib.sha256(content).hexdigest(), "version": version}
    return {
        "nexus-pull-agent": content,
        "nexus-pull-agent.gz.b64": base64.b64encode(gzip.compress(content, 9, mtime=0)) + b"\n",
        "manifest.json": (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode(),
    }


def main():
    parser = argparse.ArgumentParser(description="build the agent")
    parser.add_argument("--out", default=os.path.join(HERE, "built"))
    out = parser.parse_args().out
    os.makedirs(out, exist_ok=True)
    for name, content in products().items():
        path = os.path.join(out, name)
        with open(path, "wb") as stream:
            stream.write(content)
        os.chmod(path, 0o755 if name == "nexus-pull-agent" else 0o644)
        print("%7d %s" % (len(content), name))
    return 0


def without_prose(source):
    """Python source without comments, docstrings, empty lines and wide indents, which the seed need not carry. All else stays
    as it is written: the same bytes from every version of Python, unlike what ast.unparse gives."""
    lines = source.decode().split("\n")
    depths, depth, begins = {}, 0, True
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        row, column = token.start
        if token.type == tokenize.COMMENT:
            lines[row - 1] = lines[row - 1][:column].rstrip()
        elif token.type in (tokenize.INDENT, tokenize.DEDENT):
            depth += 1 if token.type == tokenize.INDENT else -1
        elif token.type == tokenize.NEWLINE:
            begins = True
        elif begins and token.type not in (tokenize.NL, tokenize.ENCODING):
            depths[row], begins = depth, False
    texts = set()
    for node in ast.walk(ast.parse(source)):
        # A text of several lines may have empty ones, and its indents are its own.
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            texts.update(range(node.lineno + 1, node.end_lineno + 1))
    for node in ast.walk(ast.parse(source)):
        prose = _docstring(node)
        if prose is not None:
            alone = len(node.body) == 1 and not isinstance(node, ast.Module)
            lines[prose.lineno - 1] = lines[prose.lineno - 1][: prose.col_offset] + ("pass" if alone else "")
            for row in range(prose.lineno, prose.end_lineno):
                lines[row] = ""
            texts.difference_update(range(prose.lineno, prose.end_lineno + 1))
    shown = [
        line if row in texts else " " * depths.get(row, 0) + line.lstrip()
        for row, line in enumerate(lines, 1)
        if line.strip() or row in texts
    ]
    return ("\n".join(shown) + "\n").encode()


def _docstring(node):
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            return first
    return None


def _version():
    scope = {}
    exec(_read(os.path.join(HERE, "nexus_pull", "__init__.py")), scope)  # our own file: one assignment
    return scope["VERSION"]


def _without_descriptions(node):
    """Prose is for readers of the repository; the schemas' own words, not properties that happen to have that name."""
    if isinstance(node, list):
        return [_without_descriptions(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {k: _without_descriptions(v) for k, v in node.items() if not (k == "description" and isinstance(v, str))}


def _read(path):
    with open(path, "rb") as stream:
        return stream.read()


if __name__ == "__main__":
    sys.exit(main())
