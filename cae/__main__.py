"""`python -m cae`."""

import sys

from cae.commands.cli import main

sys.exit(main())
