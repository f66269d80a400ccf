"""Podman without an image registry: all of it in one folder, from packages alone.

Images, containers and configuration are under `build/containers`. Build steps and containers get
the machine's package sources and certificates, which no image keeps.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from stemdrop.errors import SetupError

FOLDER = Path(__file__).resolve().parents[3] / "build" / "containers"
STORAGE = "storage.conf"
RELEASE = "bookworm"
BASE_IMAGE = f"docker.io/library/debian:{RELEASE}-slim"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# Not over /etc/ssl: dpkg couldn't set up ca-certificates there.
CA_INSIDE = "/run/host-certificates.crt"
PIP_INDEXES = ("index-url", "extra-index-url")
# What nothing in a container needs; Debian's own slim images leave it out, too.
SUPERFLUOUS = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale")
VOLATILE = ("var/lib/apt/lists", "var/cache/apt", "var/log")


class OfflineError(SetupError):
    """The base image can't be made."""

    code = "offline"


def prepare(folder: Path = FOLDER) -> dict[str, str]:
    """Write Podman's configuration, and return the variables that lead to it."""
    for name in ("storage", "run", "tmp", "networks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text("".join(f"{line}\n" for line in _sources()))
    (folder / "pip.conf").write_text("".join(f"{line}\n" for line in _pip_lines()))
    (folder / STORAGE).write_text(_storage(folder))
    (folder / "containers.conf").write_text(_configuration(folder))
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / STORAGE),
        "BUILDAH_FORMAT": "docker",  # OCI's own has no health checks
        "DISABLE_HC_SYSTEMD": "true",  # which are run by timers of systemd's, where there is one
        "TMPDIR": str(folder / "tmp"),
    }


def make_base(release: str, packages: Sequence[str] = (), folder: Path = FOLDER) -> Path:
    """Return a tar archive of Debian's smallest system.

    Parameters
    ----------
    packages : Names of more packages to install.

    Raises
    ------
    OfflineError : This isn't Debian, or not root, or a package can't be fetched.
    """
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise OfflineError("The base image takes root and debootstrap: as root, `make containers`.")
    tree = folder / "tmp" / release
    shutil.rmtree(tree, ignore_errors=True)
    options = ("--variant=minbase", f"--include={','.join(('ca-certificates', *packages))}")
    # In a mount namespace of its own, so that nothing stays mounted however this ends.
    _run("unshare", "--mount", "debootstrap", *options, release, str(tree), _mirror())
    for name in (*SUPERFLUOUS, *VOLATILE):
        shutil.rmtree(tree / name)
        (tree / name).mkdir()
    (tree / "etc/apt/sources.list").unlink()
    archive = tree.with_suffix(".tar")
    _run("tar", "--create", "--numeric-owner", f"--directory={tree}", f"--file={archive}", ".")
    shutil.rmtree(tree)
    return archive


def _run(*command: str) -> None:
    run = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if run.returncode != 0:
        said = "\n".join(run.stdout.strip().splitlines()[-8:])
        raise OfflineError(f"`{' '.join(command[:3])} …` ended with {run.returncode}: {said}")


def _targets() -> Iterator[tuple[str, str]]:
    """Yield address and release of each of the machine's Debian sources."""
    if not shutil.which("apt-get"):
        return
    columns = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)"
    command = ["apt-get", "indextargets", "--format", columns, "Created-By: Packages"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        origin, address, release = line.split("|")
        if origin == "Debian" and release.startswith(RELEASE):
            yield address, release


def _sources() -> list[str]:
    return sorted({f"deb {address} {release} main" for address, release in _targets()})


def _mirror() -> str:
    for address, release in _targets():
        if release == RELEASE:
            return address
    raise OfflineError(f"apt knows no source of Debian {RELEASE}: run `apt-get update` as root.")


def _pip_lines() -> Iterator[str]:
    """Yield pip's settings for containers: certificates, and the indexes of this machine."""
    yield "[global]"
    if CA_BUNDLE.is_file():
        yield f"cert = {CA_INSIDE}"
    command = [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        addresses = [word for word in value.strip("'").split() if word.startswith("http")]
        if name.rpartition(".")[2] in PIP_INDEXES and addresses:
            yield f"{name.rpartition('.')[2]} = {' '.join(addresses)}"


def _storage(folder: Path) -> str:
    return f"""
[storage]
driver = "overlay"
graphroot = "{folder / "storage"}"
runroot = "{folder / "run"}"
[storage.options.overlay]
skip_mount_home = "true"
"""


def _configuration(folder: Path) -> str:
    """Return the settings with which Podman works inside of other containers and machines, too.

    runc works with hybrid control groups; a soft limit that equals the hard one is allowed
    everywhere; file locks leave nothing in shared memory.
    """
    volumes = {
        folder / "sources.list": "/etc/apt/sources.list.d/host.list",
        Path("/etc/apt/apt.conf.d"): "/etc/apt/apt.conf.d",
        Path("/etc/apt/apt.conf"): "/etc/apt/apt.conf",
        folder / "pip.conf": "/etc/pip.conf",
        CA_BUNDLE: CA_INSIDE,
    }
    mounts = [f"{here}:{there}:ro" for here, there in volumes.items() if here.exists()]
    return f"""
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
log_driver = "k8s-file"
netns = "host"
volumes = {json.dumps(mounts)}
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
image_copy_tmp_dir = "storage"
lock_type = "file"
runtime = "runc"
tmp_dir = "{folder / "run" / "libpod"}"
[network]
network_backend = "netavark"
network_config_dir = "{folder / "networks"}"
"""
