"""`python -m hoopwire.cli` is `hoopwire`."""

import sys

from hoopwire.cli import main

sys.exit(main())
