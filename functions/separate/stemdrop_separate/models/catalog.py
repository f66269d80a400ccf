"""The models that are installed here, each loaded once."""

import json
import os
import platform
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import stemdrop
from stemdrop.errors import ModelUnavailableError, SetupError
from stemdrop.job_record import SeparationEngine
from stemdrop.models import Model
from stemdrop_separate.models.network import Backend, Network


class BackendName(StrEnum):
    """The engines to choose from."""

    ONNX = "onnx"
    TENSORFLOW = "tensorflow"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Return the suffixes of the files that the engine reads, that of the weights first."""
        return {
            "onnx": (".blocked8.kernels", ".blocked8.onnx", ".onnx", ".check.npz"),
            "tensorflow": (".pb",),
        }[self]

    @property
    def optional_suffixes(self) -> tuple[str, ...]:
        """Return the suffixes of files that the image for Lambda on x86_64 leaves out."""
        return (".blocked16.kernels", ".blocked16.onnx") if self is BackendName.ONNX else ()


# TensorFlow 2.15 has another name for Arm processors.
PACKAGES = {
    BackendName.ONNX: "onnxruntime",
    BackendName.TENSORFLOW: (
        "tensorflow-cpu-aws" if platform.machine() == "aarch64" else "tensorflow-cpu"
    ),
}


def usable_processors() -> int:
    """Return the number of processors that this process may use."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(slots=True)
class Models:
    """A folder of models as `python -m stemdrop_model build` writes it.

    Attributes
    ----------
    folder : Folder with a <weights>.json and a network file for each of the models.
    backend : Engine that runs them.
    threads : Number of processors to use.
    """

    folder: Path
    backend: BackendName = BackendName.ONNX
    threads: int = field(default_factory=usable_processors)
    _loaded: dict[str, Backend] = field(default_factory=dict, init=False)

    def available(self) -> tuple[Model, ...]:
        """Return the models that can be loaded."""
        return tuple(model for model in Model if self._card_path(model).is_file())

    def card(self, model: Model) -> dict[str, Any]:
        """Return the build's description of a model: source, hashes, versions.

        Raises
        ------
        ModelUnavailableError : The model isn't installed here.
        """
        path = self._card_path(model)
        if not path.is_file():
            installed = ", ".join(self.available())
            raise ModelUnavailableError(
                f"The model {model} is not installed here: use one of these: {installed}."
                if installed
                else f"There are no models in {self.folder}: name the folder that has them."
            )
        card: dict[str, Any] = json.loads(path.read_text())
        return card

    def engine(self, model: Model) -> SeparationEngine:
        """Describe what `load` returns as a job record does.

        Raises
        ------
        ModelUnavailableError : The model isn't installed here.
        SetupError : The model isn't installed for this backend.
        """
        package = PACKAGES[self.backend]
        return SeparationEngine(
            backend=self.backend,
            model=model,
            weights_sha256=self._described(model)[self._weights_file(model)]["sha256"],
            versions={"stemdrop": stemdrop.__version__, package: version(package)},
        )

    def load(self, model: Model) -> Network:
        """Return the network, loading it unless it has been loaded before.

        Raises
        ------
        ModelUnavailableError : The model isn't installed here.
        SetupError : Its files are not those of the build.
        """
        weights = model.weights
        if weights not in self._loaded:
            self._loaded[weights] = self._start(model)
        return Network(model.instruments, model.spec.bins, self._loaded[weights])

    def _start(self, model: Model) -> Backend:
        optional = {f"{model.weights}{suffix}" for suffix in self.backend.optional_suffixes}
        for name, described in self._described(model).items():
            path = self.folder / name
            is_whole = path.is_file() and path.stat().st_size == described["size_bytes"]
            is_left_out = name in optional and not path.exists()
            if not (is_whole or is_left_out):
                raise SetupError(f"{path} is missing or incomplete: build the model again.")
        if self.backend is BackendName.TENSORFLOW:
            try:
                from stemdrop_separate.models.tensorflow import TensorflowBackend
            except ImportError as error:
                raise SetupError(
                    f"The backend {self.backend} needs TensorFlow:"
                    ' install it on Python 3.11 with `pip install "stemdrop[tensorflow]"`.'
                ) from error
            frozen = self.folder / self._weights_file(model)
            return TensorflowBackend(frozen, model.instruments, self.threads)
        from stemdrop_separate.models.onnx import OnnxBackend

        return OnnxBackend(self.folder, model.weights, model.instruments, self.threads)

    def _described(self, model: Model) -> dict[str, dict[str, Any]]:
        """Return the build's descriptions of the files that the backend reads, by name."""
        suffixes = (*self.backend.suffixes, *self.backend.optional_suffixes)
        try:
            files = self.card(model)["files"]
            return {name: files[name] for name in (f"{model.weights}{end}" for end in suffixes)}
        except (ValueError, KeyError) as error:
            missing = f"doesn't describe {error}" if isinstance(error, KeyError) else "is damaged"
            raise SetupError(
                f"{self._card_path(model)} {missing}:"
                f" build the model again, for the backend {self.backend}."
            ) from error

    def _weights_file(self, model: Model) -> str:
        return f"{model.weights}{self.backend.suffixes[0]}"

    def _card_path(self, model: Model) -> Path:
        return self.folder / f"{model.weights}.json"
