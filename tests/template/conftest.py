"""The template, as it is written and as it is with all references resolved."""

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
