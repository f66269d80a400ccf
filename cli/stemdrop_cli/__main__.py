"""Run the `stemdrop` command as ``python -m stemdrop_cli``."""

import sys

from stemdrop_cli.main import main

sys.exit(main())
