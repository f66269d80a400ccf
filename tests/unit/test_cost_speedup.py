import pytest

from benchmarks.cost.speedup import fit, processors


def test_processors_come_with_the_memory() -> None:
    assert processors(1769) == 1
    assert processors(3008) == pytest.approx(1.7004, abs=1e-4)
    assert processors(10240) == pytest.approx(5.7886, abs=1e-4)
    assert processors(99_999) == 6


def test_model_recovers_both_parts() -> None:
    model = fit({share: 2 + 8 / share for share in (1.0, 1.7, 2.0)})
    assert model.fixed_s == pytest.approx(2)
    assert model.shared_s == pytest.approx(8)
    assert model.seconds(4) == pytest.approx(4)


def test_parts_are_never_negative() -> None:
    superlinear = fit({1.0: 10.0, 2.0: 4.0})
    assert f"{superlinear.fixed_s:.1f}" == "0.0"
    assert superlinear.seconds(6) > 0
    slower = fit({1.0: 10.0, 2.0: 11.0})
    assert slower.shared_s == 0
    assert slower.seconds(6) == pytest.approx(10.5)


def test_single_measurement_is_all_shared() -> None:
    assert fit({2.0: 10.0}).seconds(4) == pytest.approx(5)
