"""`python -m stemdrop_cloud.deploy`, with the container engine and `sam` that a test wants.

DEPLOY_FOLDER keeps tokens, and has the program `sam`; without that, everything is real.
"""

import functools
import os
import sys
from pathlib import Path

from stemdrop_cloud import access_token, deploy, plan
from stemdrop_cloud.sam import Sam
from stemdrop_containers.engine import Engine

folder = Path(os.environ["DEPLOY_FOLDER"])
for module in (access_token, deploy):
    setattr(module, "FOLDER", folder / "tokens")  # noqa: B010  # they don't export it
if (folder / "sam").exists():
    setattr(deploy, "Sam", functools.partial(Sam, program=folder / "sam", built=folder / "built"))  # noqa: B010
    setattr(plan, "find_engine", lambda: Engine("docker"))  # noqa: B010
sys.exit(deploy.main())
