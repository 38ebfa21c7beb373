"""`python -m proxy` is the command `moorage`."""

import sys

from proxy.cli import main

sys.exit(main())
