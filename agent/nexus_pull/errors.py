"""The one way in which this agent says that something cannot go on."""

import errno


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
    if is_full(error):
        return "disk_full"
    return "file_system_read_only" if getattr(error, "errno", None) == errno.EROFS else default


def is_full(error):
    """Whether a disk, or somebody's share of it, has no room left."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


class Interrupted(Exception):
    """SIGTERM: somebody stops the unit or the machine goes down."""
