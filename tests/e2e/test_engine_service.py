"""The engine's socket for SAM: who finds it, and whose containers go with it."""

from pathlib import Path

import pytest

from sam_program import Traces
from stemdrop_containers.engine import Engine
from stemdrop_containers.sam import engine_service as service_module
from stemdrop_containers.sam.engine_service import Service, find_gateway
from stemdrop_containers.sam.guard import LABEL
from stemdrop_local.deployment import ROOT

MARK = "AWS_ENDPOINT_URL_S3=http://192.0.2.1:5000"


def start(engine: Engine, service: Service, image: str, variable: str) -> str:
    """Start a container as SAM does, and return its id."""
    where = ["--remote", "--url", service.variables["DOCKER_HOST"]]
    options = ["--detach", "--label", LABEL.removeprefix("label="), "--env", variable]
    run = [*(where if engine.name == "podman" else []), "run", *options, "--entrypoint", "sleep"]
    return engine.run(*run, image, "100", cwd=ROOT).stdout.strip()


def listed(engine: Engine) -> set[str]:
    command = ["ps", "--all", "--quiet", "--no-trunc", "--filter", LABEL]
    return set(engine.run(*command).stdout.split())


def test_only_containers_of_this_run_go(engine: Engine, image: str, tmp_path: Path) -> None:
    before = Traces.now(engine)
    with Service(engine, MARK, tmp_path / "service.log") as service:
        ours = start(engine, service, image, MARK)
        others = start(engine, service, image, f"{MARK}0")
        assert {ours, others} <= listed(engine)
    assert ours not in listed(engine)
    assert others in listed(engine)
    engine.run("rm", "--force", others)
    assert Traces.now(engine) == before


def test_no_folder_is_too_deep(
    engine: Engine, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MAX_ADDRESS_BYTES", 10)
    with Service(engine, MARK, tmp_path / "service.log") as service:
        if engine.name == "podman":
            assert service.variables["DOCKER_HOST"].startswith("unix:///proc/self/cwd/")
        assert start(engine, service, image, MARK) in listed(engine)
    assert not listed(engine)


def test_containers_find_this_machine(engine: Engine) -> None:
    assert find_gateway(engine).count(".") == 3
