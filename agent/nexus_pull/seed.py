"""The seed: the one JSON file from which a machine is set up."""

import base64
import json

from nexus_pull import schema
from nexus_pull.errors import AgentError

LIMIT = 16 * 1024 * 1024


def read(path):
    """The seed at `path`, held to contract/seed.schema.json. Messages show places, never values: it holds secrets."""
    try:
        with open(path, "rb") as stream:
            raw = stream.read(LIMIT + 1)
    except OSError as error:
        raise AgentError("seed_invalid", "the seed cannot be read: %s" % error.strerror) from error
    if len(raw) > LIMIT:
        raise AgentError("seed_invalid", "the seed is larger than %d bytes" % LIMIT)
    try:
        seed = json.loads(raw.decode())
        schema.check(seed, "seed.schema.json")
    except schema.SchemaError as error:
        raise AgentError("seed_invalid", "the seed does not keep the contract: %s" % error) from error
    except ValueError:
        # Without `from`: a JSON error quotes its document, and this one holds secrets.
        raise AgentError("seed_invalid", "the seed is not JSON in UTF-8") from None
    return seed


def contents(paths, seed, program):
    """Every file that the seed stands for: [(path, bytes, mode)], without agent.json and the list of managed files."""
    placed = [(paths.program, program, 0o755)] if program is not None else []
    for name, value in sorted(seed["secrets"].items()):
        placed.append((paths.seed_secret(name), _secret_bytes(name, value), 0o600))
    for entry in seed["files"]:
        content = base64.b64decode(entry["content_b64"], validate=True)
        placed.append((paths.at(entry["path"]), content, int(entry["mode"], 8)))
    twice = sorted({path for path, _, _ in placed if [other for other, _, _ in placed].count(path) > 1})
    if twice:
        raise AgentError("seed_invalid", "the seed places a file twice: " + ", ".join(twice))
    return placed


def _secret_bytes(name, value):
    # OpenSSH refuses a private key without its final newline, and variables tend to lose it.
    if name == "deploy_key":
        value = value.replace("\r\n", "\n").rstrip("\n") + "\n"
    return value.encode()
