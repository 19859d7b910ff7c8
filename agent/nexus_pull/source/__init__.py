"""The Git source: a bare mirror of it, and the one commit that may run.

program   git with our credential, our known hosts and nobody's configuration
mirror    fetch, the commit that is meant, fast-forward only
checkout  the commit as files, with its submodules
verify    signature policies, before anything is checked out
failures  what git said -> a reason's code
"""

from nexus_pull.source.mirror import Mirror
from nexus_pull.source.program import credential_answer
from nexus_pull.source.verify import Rejected

__all__ = ["Mirror", "Rejected", "credential_answer"]
