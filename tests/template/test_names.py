"""Names follow the conventions of CONTRIBUTING.md."""

import re
from collections import Counter
from pathlib import Path

CODE = ("layers", "functions", "cli", "infra", "tests", "benchmarks")
CLASS = re.compile(r"^class (\w+)", re.MULTILINE)


def test_no_two_classes_share_a_name(root: Path) -> None:
    files = [path for folder in CODE for path in (root / folder).rglob("*.py")]
    ours = [path.read_text() for path in files if "node_modules" not in path.parts]
    names = Counter(name for text in ours for name in CLASS.findall(text))
    assert names["Options"] == 1
    assert [name for name, count in names.items() if count > 1] == []
