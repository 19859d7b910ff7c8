"""Entry of the built file and of `python3 -m nexus_pull`."""

import sys

from nexus_pull.cli import main

sys.exit(main())
