"""Reading of a template, as the local stack, the deployment and the cost page need it."""

from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor


class _Loader(yaml.CSafeLoader):
    """Reads short functions such as !Ref in their long form, by libyaml in a tenth of the time."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def load_template(path: Path) -> dict[str, Any]:
    """Return a template of CloudFormation or SAM."""
    template: dict[str, Any] = yaml.load(path.read_bytes(), _Loader)  # noqa: S506
    return template
