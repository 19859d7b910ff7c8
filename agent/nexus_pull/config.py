"""The adopted configuration, and what of it this agent can do."""

import re

from nexus_pull import files, schema
from nexus_pull.errors import AgentError

# ansible-pull pastes these names unquoted into the command that it splits again: seen in ansible-core 2.14 to 2.19.
PLAIN_NAME = re.compile(r"[A-Za-z0-9._/@+=:-]+\Z")


def load(paths):
    """agent.json, held to the contract."""
    config = files.read_json(paths.config)
    if config is None:
        raise AgentError("config_invalid", "%s is missing or not JSON: no seed was adopted (nexus-pull-agent adopt --seed FILE)" % paths.config)
    try:
        schema.check(config, "agent-config.schema.json")
    except schema.SchemaError as error:
        raise AgentError("config_invalid", "%s: %s" % (paths.config, error)) from error
    return config


def refusals(config):
    """Why this agent must not run this configuration: each thing that is asked for and that it cannot do."""
    names = list(config["run"]["playbooks"]) + [config["run"].get("inventory", "x")]
    return ["%r: ansible-pull splits such a name" % name for name in names if not PLAIN_NAME.match(name)]
