"""Fixtures of the templates, with and without resolved references."""

from pathlib import Path

import pytest

from stemdrop_local.template_file import load_template
from templates import Resolver, Template


@pytest.fixture(scope="session")
def template(root: Path) -> Template:
    """Return the template, with short tags in long form."""
    return load_template(root / "template.yaml")


@pytest.fixture(scope="session")
def resolver(template: Template) -> Resolver:
    """Return a resolver of the template's references with default parameters."""
    return Resolver(template)


@pytest.fixture(scope="session")
def transcribing(template: Template) -> Resolver:
    """Return a resolver with the engine for lyrics that adds to the template."""
    return Resolver(template, {"Lyrics": "transcribe"})


@pytest.fixture(scope="session")
def bootstrap(root: Path) -> Template:
    """Return the bootstrap template."""
    return load_template(root / "infra" / "bootstrap.yaml")
