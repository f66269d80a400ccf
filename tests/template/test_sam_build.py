"""The results of `sam build`: arguments of the image, the API's zip and its layer."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import json, sys
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
def of_image(given):
    stacks, _ = SamLocalStackProvider.get_stacks("template.yaml", parameter_overrides=given)
    function = SamFunctionProvider(stacks).get("SeparateFunction")
    target = function.metadata["DockerBuildTarget"]
    return target, function.metadata["DockerBuildArgs"], function.architectures
print(json.dumps([of_image(given) for given in json.loads(sys.argv[1])]))
"""
# Source: Lambda quotas, for the unzipped function and its layers.
MAX_BYTES = 250 << 20


def sam(root: Path, home: Path, program: str, *arguments: str) -> str:
    """Run a program of SAM's environment, and return its output."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(root / ".venv/bin"), os.defpath]),  # for uv
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "__SAM_CLI_APP_DIR": str(home),
    }
    run = subprocess.run(
        [root / ".venv-sam/bin" / program, *arguments],
        cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    if run.returncode != 0:
        raise AssertionError(run.stderr)
    return run.stdout


def test_the_image_is_built_with_the_parameters(root: Path, tmp_path: Path) -> None:
    given = {"Models": "2stems 5stems", "Backend": "tensorflow", "Architecture": "arm64"}
    printed = sam(root, tmp_path, "python", "-c", PROBE, json.dumps([{}, given]))
    assert json.loads(printed) == [
        ["function", {"MODELS": "2stems", "BACKEND": "onnx", "LYRICS": "none"}, ["x86_64"]],
        [
            "function",
            {"MODELS": "2stems 5stems", "BACKEND": "tensorflow", "LYRICS": "none"},
            ["arm64"],
        ],
    ]


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of SAM's build of the API, with an empty cache."""
    folder = tmp_path_factory.mktemp("sam")
    places = ["--build-dir", str(folder / "build"), "--cache-dir", str(folder / "cache")]
    sam(root, folder, "sam", "build", "ApiFunction", *places)
    return folder / "build"


def test_the_zip_has_every_locked_package(root: Path, built: Path) -> None:
    lock = (root / "functions/api/requirements.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock, re.MULTILINE))
    found = {
        (name.replace("_", "-"), version)
        for name, version in (
            path.name.removesuffix(".dist-info").rsplit("-", 1)
            for path in (built / "ApiFunction").glob("*.dist-info")
        )
    }
    assert len(locked) > 10
    assert found == locked


def test_compiled_modules_exist_for_both_architectures(built: Path) -> None:
    compiled = {path.name for path in (built / "ApiFunction").rglob("*.so")}
    names = {re.sub("x86_64|aarch64", "*", name) for name in compiled}
    assert names
    assert compiled == {
        name.replace("*", processor) for name in names for processor in ("x86_64", "aarch64")
    }
    assert all(".cpython-313-" in name for name in names)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("functions/api/stemdrop_api", "ApiFunction/stemdrop_api"),
        ("layers/core/stemdrop", "CoreLayer/python/stemdrop"),
    ],
)
def test_project_files_are_at_lambdas_paths(
    root: Path, built: Path, source: str, place: str
) -> None:
    assert files_of(root / source) == files_of(built / place)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_the_zip_is_small(built: Path) -> None:
    size_bytes = sum(file.stat().st_size for file in built.rglob("*") if file.is_file())
    assert size_bytes < MAX_BYTES / 3


def test_build_without_uv_reports_it(root: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        ["make", "build-ApiFunction", f"ARTIFACTS_DIR={tmp_path}"],
        cwd=root / "functions" / "api",
        env={"PATH": os.defpath},
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    assert "takes uv" in run.stderr


@pytest.mark.parametrize("is_there", [True, False])
def test_modules_are_compiled_if_the_functions_python_is_installed(
    root: Path, tmp_path: Path, is_there: bool
) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3.13"
    python.symlink_to(sys.executable if is_there else "/bin/false")  # any Python works
    subprocess.run(
        ["make", "build-CoreLayer", f"ARTIFACTS_DIR={tmp_path}"],
        cwd=root / "layers" / "core",
        env={"PATH": os.pathsep.join([str(tmp_path / "bin"), os.defpath])},
        check=True,
        capture_output=True,
    )
    compiled = list((tmp_path / "python").rglob("*.pyc"))
    assert bool(compiled) is is_there
    for path in compiled:
        body = path.read_bytes()
        module = path.relative_to(tmp_path).parent.parent / path.name.partition(".")[0]
        # Unchecked hash, so that dates in the zip don't matter. Source: PEP 552.
        assert body[4:8] == (1).to_bytes(4, "little")
        assert f"/opt/{module}.py".encode() in body
