"""`python -m athwe.prepare`."""

import sys

from athwe.prepare.command import main

sys.exit(main())
