"""The templates, as they are written and as they are with all references resolved."""

from pathlib import Path
from typing import Any

import pytest
from stemdrop_local.intrinsics import Resolver, load_template
from stemdrop_local.template import TEMPLATE


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """Return the template, short tags in their long form."""
    return load_template(TEMPLATE)


@pytest.fixture(scope="session")
def resolver(template: dict[str, Any]) -> Resolver:
    """Return what resolves the template's references with the parameters' defaults."""
    return Resolver(template, {})


@pytest.fixture(scope="session")
def monitoring(root: Path) -> dict[str, Any]:
    """Return the template of alarms and dashboard."""
    return load_template(root / "infra" / "monitoring.yaml")


@pytest.fixture(scope="session")
def bootstrap(root: Path) -> dict[str, Any]:
    """Return the template of what a deployment needs."""
    return load_template(root / "infra" / "bootstrap.yaml")
