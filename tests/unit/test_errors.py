"""The tree of errors that `stemdrop.errors` draws is the one that it defines."""

import inspect
import re

from stemdrop import errors
from stemdrop.errors import StemdropError


def test_documented_tree_has_every_error_under_its_base() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    bases = {kind.__name__: kind.__bases__[0].__name__ for kind in kinds}
    assert bases.pop(StemdropError.__name__) == "Exception"
    assert documented_bases(inspect.getdoc(errors) or "") == bases


def documented_bases(tree: str) -> dict[str, str]:
    """Return the base of each error from lines such as `│   ├── StorageError`."""
    bases: dict[str, str] = {}
    path = [StemdropError.__name__]
    for indent, name in re.findall(r"^([│├└─ ]+)(\w+)", tree, re.MULTILINE):
        depth = len(indent) // len("├── ")
        bases[name] = path[depth - 1]
        path[depth:] = [name]
    return bases
