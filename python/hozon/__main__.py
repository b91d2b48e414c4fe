"""`python -m hozon`: the `hozon` command."""

import sys

from hozon._command import main

sys.exit(main())
