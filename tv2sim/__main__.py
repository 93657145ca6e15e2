"""``python -m tv2sim`` is the command ``tv2sim``."""

import sys

from tv2sim.cli import main

sys.exit(main())
