"""The templates, as they are written and as they are with all references resolved."""

from pathlib import Path

import pytest

from templates import Resolver, Template, load_template


@pytest.fixture(scope="session")
def template(root: Path) -> Template:
    """Return the template, short tags in their long form."""
    return load_template(root / "template.yaml")


@pytest.fixture(scope="session")
def resolver(template: Template) -> Resolver:
    """Return what resolves the template's references with the parameters' defaults."""
    return Resolver(template)


@pytest.fixture(scope="session")
def bootstrap(root: Path) -> Template:
    """Return the template of what a deployment needs."""
    return load_template(root / "infra" / "bootstrap.yaml")
