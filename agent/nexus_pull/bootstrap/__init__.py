"""Install what a run needs and the image lacks.

boot      the order of the steps, retries until the deadline, the events, the last word
steps     what is needed, and how to know that it is there
ansible   ansible-core: the image's, the distribution's, or pip's in a venv of its own
packages  apt and dnf
commands  a program that is run for a step, with its last lines
diagnose  which reason a program's words mean
"""

from nexus_pull.bootstrap.boot import bootstrap

__all__ = ["bootstrap"]
