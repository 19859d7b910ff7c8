"""The one way in which this agent says that something cannot go on."""


class AgentError(Exception):
    """A failure with a reason's code (contract/reasons.json) and a sentence for people. Never carries a secret."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason
        self.message = message


def reason_of(error, default="agent_error"):
    """The reason's code of whatever was raised."""
    if isinstance(error, AgentError):
        return error.reason
    # ENOSPC, EDQUOT, EROFS
    return {28: "disk_full", 122: "disk_full", 30: "file_system_read_only"}.get(getattr(error, "errno", None), default)


class Interrupted(Exception):
    """SIGTERM: somebody stops the unit or the machine goes down."""
