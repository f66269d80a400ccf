"""SAM's command line with a fake `sam build`, because a real one needs containers.

    python tests/sam_without_build.py FOLDER ...

Writes a line for each call with parameters to `calls.jsonl` in FOLDER.
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/stemdrop:onnx"
SOURCES = {"CodeUri": "functions/api", "ContentUri": "layers/core"}


def record(folder: Path, arguments: list[str]) -> None:
    """Record a call, with the contents of its parameter file."""
    url = arguments[arguments.index("--parameter-overrides") + 1]
    file = Path(url.removeprefix("file://"))
    call = {
        "arguments": arguments,
        "environment": dict(os.environ),
        "file": str(file),
        "mode": file.stat().st_mode & 0o777,
        "parameters": json.loads(file.read_text()),
    }
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(call) + "\n")


def built_template() -> str:
    """Return template.yaml with the URI of an image, and with the source folders."""
    lines = []
    for line in (ROOT / "template.yaml").read_text().splitlines():
        indent, key = line[: -len(line.lstrip())], line.strip().partition(":")[0]
        lines.append(f"{indent}{key}: {ROOT / SOURCES[key]}" if key in SOURCES else line)
        if key == "PackageType":
            lines.append(f"{indent}ImageUri: {IMAGE}")
    return "\n".join(lines)


if __name__ == "__main__":
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    if "--parameter-overrides" in arguments:
        record(folder, arguments)
    if arguments[0] == "build":
        built = Path(arguments[arguments.index("--build-dir") + 1])
        built.mkdir(exist_ok=True)
        (built / "template.yaml").write_text(built_template())
    else:
        sam = str(ROOT / ".venv-sam" / "bin" / "sam")
        os.execv(sam, [sam, *arguments])  # noqa: S606
