import hashlib
from pathlib import Path

import numpy as np
import pytest

import stemdrop
from stemdrop.errors import ModelUnavailableError, SetupError
from stemdrop.models import INSTRUMENTS, Model
from stemdrop_separate.models.catalog import BackendName, Models
from tiny_models import install


def test_installed_model_is_available_in_both_bandwidths(tmp_path: Path) -> None:
    assert Models(tmp_path).available() == ()
    install(tmp_path)
    assert Models(tmp_path).available() == (Model.TWO_STEMS, Model.TWO_STEMS_16KHZ)


@pytest.mark.parametrize("weights", INSTRUMENTS)
def test_a_network_estimates_every_instrument(tmp_path: Path, weights: str) -> None:
    install(tmp_path, weights)
    network = Models(tmp_path).load(Model(weights))
    magnitude = np.ones((1, 2, 512, 8), np.float32)
    estimates = network.backend.estimate(magnitude)
    assert network.instruments == INSTRUMENTS[weights]
    for share, name in enumerate(INSTRUMENTS[weights], start=1):
        assert np.array_equal(estimates[name], magnitude * share)


def test_both_bandwidths_share_one_network(tmp_path: Path) -> None:
    install(tmp_path)
    models = Models(tmp_path)
    narrow, wide = models.load(Model.TWO_STEMS), models.load(Model.TWO_STEMS_16KHZ)
    assert (narrow.bins, wide.bins) == (1024, 1536)
    assert narrow.backend is wide.backend is models.load(Model.TWO_STEMS).backend


def test_missing_model_error_names_the_installed_models(tmp_path: Path) -> None:
    models = Models(tmp_path)
    for ask in (models.load, models.engine, models.card):
        with pytest.raises(ModelUnavailableError, match="There are no models in"):
            ask(Model.FOUR_STEMS)
    install(tmp_path)
    for ask in (models.load, models.engine, models.card):
        with pytest.raises(ModelUnavailableError, match=r"4stems-16kHz .* 2stems, 2stems-16kHz\."):
            ask(Model.FOUR_STEMS_16KHZ)


def test_a_truncated_network_is_not_loaded(tmp_path: Path) -> None:
    path = install(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SetupError, match="incomplete"):
        Models(tmp_path).load(Model.TWO_STEMS)


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    install(tmp_path).unlink()
    with pytest.raises(SetupError, match=r"2stems\.onnx is missing"):
        Models(tmp_path).load(Model.TWO_STEMS)


def test_the_form_for_avx512_may_be_absent_but_not_truncated(tmp_path: Path) -> None:
    network = install(tmp_path).with_suffix(".blocked16.onnx")
    network.write_bytes(network.read_bytes()[:-1])
    with pytest.raises(SetupError, match=r"2stems\.blocked16\.onnx is missing or incomplete"):
        Models(tmp_path).load(Model.TWO_STEMS)
    network.unlink()
    network.with_suffix(".kernels").unlink()
    assert Models(tmp_path).load(Model.TWO_STEMS).instruments == ("vocals", "accompaniment")


def test_a_network_for_the_other_backend_only_is_a_setup_error(tmp_path: Path) -> None:
    install(tmp_path)
    models = Models(tmp_path, BackendName.TENSORFLOW)
    with pytest.raises(SetupError, match=r"2stems\.pb"):
        models.load(Model.TWO_STEMS)
    with pytest.raises(SetupError, match=r"2stems\.pb"):
        models.engine(Model.TWO_STEMS)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"files": {}}'])
def test_invalid_model_card_is_a_setup_error(tmp_path: Path, text: str) -> None:
    install(tmp_path)
    (tmp_path / "2stems.json").write_text(text)
    with pytest.raises(SetupError, match="build the model again"):
        Models(tmp_path).load(Model.TWO_STEMS)


def test_engine_has_weights_and_versions(tmp_path: Path) -> None:
    path = install(tmp_path).with_suffix(".blocked8.kernels")
    engine = Models(tmp_path).engine(Model.TWO_STEMS_16KHZ)
    assert (engine.backend, engine.model) == ("onnx", "2stems-16kHz")
    assert engine.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert engine.versions["stemdrop"] == stemdrop.__version__
    assert engine.versions["onnxruntime"].count(".") == 2


def test_there_is_at_least_one_thread(tmp_path: Path) -> None:
    assert Models(tmp_path).threads >= 1
