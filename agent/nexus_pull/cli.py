"""The command line. Only here do arguments, environment and exit codes meet.

Each command imports what it needs: nothing of the seed is compiled in advance, and git asks `git-credential` twice a fetch.
"""

import argparse
import os
import sys

from nexus_pull import VERSION
from nexus_pull.console import say
from nexus_pull.errors import AgentError
from nexus_pull.paths import Paths


def main(argv=None):
    # State and secrets by default readable by root alone, whatever umask the caller had.
    os.umask(0o077)
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser(*argv[:1]).parse_args(argv)
    paths = Paths.from_environment()
    try:
        return arguments.command(paths, arguments)
    except AgentError as error:
        say(paths, "%s FAILED: %s: %s" % (arguments.name, error.reason, error.message))
    except OSError as error:
        # Disk full, read-only file system: said where somebody looks, not only as a traceback in a log.
        say(paths, "%s FAILED: %s: %s" % (arguments.name, type(error).__name__, error))
    return 1


def _parser(asked=None):
    parser = argparse.ArgumentParser(prog="nexus-pull-agent", allow_abbrev=False)
    parser.add_argument("--version", action="version", version="nexus-pull-agent " + VERSION)
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for name, (command, said, options) in COMMANDS.items():
        # The one that is asked for is enough: to set up all eight takes as long as to start Python.
        if name == asked or asked not in COMMANDS:
            own = commands.add_parser(name, help=said)
            own.set_defaults(command=command)
            for option, settings in options.items():
                own.add_argument(option, **settings)
    return parser


def _adopt(paths, arguments):
    from nexus_pull import adopt

    print("nexus-pull: " + adopt.adopt(paths, arguments.seed), flush=True)
    return 0


def _boot(paths, arguments):
    from nexus_pull import adopt, boot, run

    adopt.recover_files(paths)
    print("nexus-pull: " + boot.boot(paths), flush=True)
    # After vm.booted: what this boot cut short belongs to the machine that has come back.
    run.report_cut_short(paths)
    return 0


def _bootstrap(paths, arguments):
    from nexus_pull.bootstrap import bootstrap

    return bootstrap(paths)


def _heartbeat(paths, arguments):
    from nexus_pull.heartbeat import heartbeat

    print("nexus-pull: " + heartbeat(paths), flush=True)
    return 0


def _flush(paths, arguments):
    from nexus_pull.events.flusher import Flusher, alone

    with alone(paths, arguments.once):
        flusher = Flusher(paths)
        left = flusher.run(arguments.once)
    print("nexus-pull: %d events delivered, %d wait" % (flusher.delivered, left), flush=True)
    return 1 if left else 0


def _run(paths, arguments):
    from nexus_pull.run import run

    return run(paths, arguments.trigger)


def _reap(paths, arguments):
    from nexus_pull.reap import reap

    ended = reap(paths, os.environ.get("SERVICE_RESULT", "success"))
    if ended:
        say(paths, "%d programs of a run that was cut short were ended" % len(ended))
    return 0


def _status(paths, arguments):
    import json

    from nexus_pull import status, status_text

    found, alarming = status.status(paths)
    print(json.dumps(found, indent=2, sort_keys=True) if arguments.json else status_text.text(found))
    return 1 if alarming else 0


def _git_credential(paths, arguments):
    # git also says `store` and `erase`; there is nothing to do for them.
    if arguments.operation == "get":
        from nexus_pull.config import load
        from nexus_pull.source.program import credential_answer

        with open(paths.secret("git_token"), encoding="utf-8") as stream:
            sys.stdout.write(credential_answer(load(paths)["source"], stream.read().strip(), sys.stdin.read()))
    return 0


COMMANDS = {
    "adopt": (
        _adopt,
        "take over the configuration of a seed",
        {"--seed": {"required": True, "metavar": "FILE", "help": "the seed, as cloud-init placed it"}},
    ),
    "boot": (_boot, "record vm.booted", {}),
    "bootstrap": (_bootstrap, "install what a run needs and is not there", {}),
    "heartbeat": (_heartbeat, "record vm.heartbeat", {}),
    "flush": (
        _flush,
        "send what waits in the spool, until nothing waits",
        {"--once": {"action": "store_true", "help": "end when something cannot be delivered now"}},
    ),
    "run": (
        _run,
        "fetch, verify, and ansible-pull once",
        {
            "--trigger": {
                "choices": ("manual", "timer", "unit"),
                "default": "manual",
                "help": "what for; timer: skip when up to date",
            }
        },
    ),
    "reap": (_reap, "for the unit: end what is left of a run that was cut short", {}),
    "status": (
        _status,
        "what is configured and what the last run came to",
        {"--json": {"action": "store_true", "help": "as one JSON document"}},
    ),
    "git-credential": (_git_credential, "for git: its credential helper", {"operation": {"help": "get; others do nothing"}}),
}
