"""Prints the types of the resources that SAM makes of template.yaml, as JSON.

.venv-sam/bin/python translate.py template.yaml
"""

import json
import sys
from pathlib import Path
from typing import Any

# What `sam package` puts in the place of folders.
UPLOADED = {
    "SeparateFunction": ("ImageUri", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/stemdrop:x"),
    "ApiFunction": ("CodeUri", "s3://artifacts/api"),
    "CoreLayer": ("ContentUri", "s3://artifacts/core"),
}


def main() -> None:
    from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]
    from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
    from samtranslator.translator.translator import (  # type: ignore[import-not-found]
        Translator,
    )

    template: dict[str, Any] = yaml_parse(Path(sys.argv[1]).read_text())
    for name, (field, address) in UPLOADED.items():
        template["Resources"][name]["Properties"][field] = address
    translated = Translator({}, Parser()).translate(template, {})
    resources = translated["Resources"].items()
    print(json.dumps({name: resource["Type"] for name, resource in resources}))


if __name__ == "__main__":
    main()
