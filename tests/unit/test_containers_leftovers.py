"""Whose a container is, told by its name."""

import os
import subprocess
import sys

from stemdrop_containers.leftovers import NAME, _is_over, name_container


def test_each_container_has_a_name_of_its_own_that_tells_its_owner() -> None:
    first, second = name_container(), name_container()
    assert first != second
    parts = NAME.fullmatch(first)
    assert parts is not None
    assert int(parts["pid"]) == os.getpid()


def test_a_container_is_over_with_its_owner() -> None:
    name = name_container()
    assert not _is_over(name, ours_too=False)
    assert _is_over(name, ours_too=True)
    made = "from stemdrop_containers.leftovers import name_container; print(name_container())"
    run = subprocess.run([sys.executable, "-c", made], check=True, capture_output=True, text=True)
    assert _is_over(run.stdout.strip(), ours_too=False)


def test_a_process_that_has_an_owners_id_again_is_another_one() -> None:
    prefix, started, number = name_container().rsplit("-", 2)
    assert _is_over(f"{prefix}-{int(started) - 1}-{number}", ours_too=False)


def test_what_has_the_label_and_another_name_is_nobodys() -> None:
    assert _is_over("stemdrop-lambda-somebody", ours_too=False)
