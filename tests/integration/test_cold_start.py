"""What the separator loads at a cold start: one model, no slow modules, and no threads."""

import json
import os
import subprocess
import sys

from lambda_environment import function_variables
from stemdrop_local.deployment import ROOT, Stack
from stemdrop_local.emulator_process import EmulatorProcess

# The other backend, the model's export, the command line and test tools.
SLOW = {
    "tensorflow",
    "keras",
    "spleeter",
    "onnx",
    "pandas",
    "matplotlib",
    "rich",
    "ministack",
}
LOAD = """
import json, sys
from pathlib import Path
from stemdrop_separate.handler import job_context
from stemdrop.options import Model
first = job_context.models.load(Model.TWO_STEMS).backend
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "threads": len([*Path("/proc/self/task").iterdir()]),
    "warm": job_context.models.load(Model.TWO_STEMS_16KHZ).backend is first,
}))
"""


def test_cold_start_loads_no_slow_module_and_starts_no_thread(
    emulator: EmulatorProcess, deployed: Stack
) -> None:
    assert deployed
    environment = {
        **function_variables(emulator, "separate", emulator.endpoint_url),
        "MODEL_DIR": str(ROOT / "build" / "models"),
        "AWS_REGION": "eu-central-1",
        "PATH": os.defpath,
    }
    command = [sys.executable, "-W", "error", "-c", LOAD]
    loaded = json.loads(subprocess.check_output(command, env=environment, timeout=60))
    assert {"stemdrop_separate", "onnxruntime"} <= set(loaded["modules"])
    assert SLOW.isdisjoint(loaded["modules"])
    assert loaded["threads"] == 1
    assert loaded["warm"]
