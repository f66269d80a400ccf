"""A `sam` that notes what it is told, and builds next to nothing; `sam deploy` is the real one.

The folder that it is in gets `calls.jsonl`, and has `template.yaml`, which is deployed. While there
is a file `hold` in it, a build goes on until it is ended.
"""

import json
import os
import signal
import sys
from pathlib import Path

from stemdrop_local.deployment import ROOT

folder = Path(sys.argv[0]).parent
arguments = sys.argv[1:]
parameters = Path(arguments[arguments.index("--parameter-overrides") + 1].removeprefix("file://"))
call = {
    "pid": os.getpid(),
    "arguments": arguments,
    "environment": dict(os.environ),
    "parameters": json.loads(parameters.read_text()),
    "mode": oct(parameters.stat().st_mode & 0o777),
}
with (folder / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(call) + "\n")
if (folder / "hold").exists():
    signal.pause()
if (folder / "fail").exists():
    sys.exit("Error: something is wrong")
if arguments[0] == "build":
    for name in ("ApiFunction", "CoreLayer"):
        package = Path(arguments[arguments.index("--build-dir") + 1], name)
        package.mkdir(parents=True, exist_ok=True)
        (package / "module.py").write_text("")
if arguments[0] == "deploy":
    sam = str(ROOT / ".venv-sam" / "bin" / "sam")
    os.execv(sam, [sam, *arguments, "--template-file", str(folder / "template.yaml")])  # noqa: S606
