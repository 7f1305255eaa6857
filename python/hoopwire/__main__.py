"""`python -m hoopwire` is `hoopwire`."""

import sys

from hoopwire.cli import main

sys.exit(main())
