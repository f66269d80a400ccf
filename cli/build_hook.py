"""Build hook: put the 2stems network into the wheel, so that an installation downloads nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODEL = "2stems"
FOLDER = "stemdrop_cli/networks"


class NetworkHook(BuildHookInterface[Any]):
    """Add the network that `make models` has built, or build it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the network's files, unless this is a checkout's own installation."""
        if version == "editable":
            return
        root = Path(self.root)
        files = [root / "build" / "models" / f"{MODEL}.{kind}" for kind in ("json", "onnx")]
        if not all(file.is_file() for file in files):
            self._build(root)
        build_data["force_include"] |= {str(file): f"{FOLDER}/{file.name}" for file in files}

    def _build(self, root: Path) -> None:
        command = [sys.executable, "-m", "stemdrop_model", "build", MODEL]
        folders = ["--cache", str(root / "build/weights"), "--into", str(root / "build/models")]
        built = subprocess.run([*command, *folders], cwd=root / "functions/separate", check=False)
        if built.returncode:
            self.app.abort(f"The wheel needs the {MODEL} network. Run `make models` first.")
