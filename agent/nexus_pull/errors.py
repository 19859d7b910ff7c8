"""The one way in which this agent says that something cannot go on."""


class AgentError(Exception):
    """A failure with a reason's code (contract/reasons.json) and a sentence for people. Never carries a secret."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason
        self.message = message


class Interrupted(Exception):
    """SIGTERM: somebody stops the unit or the machine goes down."""
