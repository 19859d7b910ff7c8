"""Where the cases are."""

import collections

Case = collections.namedtuple("Case", "function waits")
CASES = {}


def case(function=None, *, waits=False):
    """Register a function (machine, servers) under its name. `waits`: it mostly waits for the agent's pauses."""

    def register(one):
        CASES[one.__name__] = Case(one, waits)
        return one

    return register(function) if function else register
