"""The pages of the documentation, and the commands and tables in them."""

import re
from pathlib import Path

from stemdrop_local.deployment import ROOT

README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "guide"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands_in(*paths: Path) -> list[str]:
    """Return the commands in the shell blocks of pages, each once, without comments."""
    blocks = [block for path in paths for block in SHELL_BLOCK.findall(path.read_text())]
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return list(dict.fromkeys(filter(None, lines)))


def rows_of(page: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the first table below a heading."""
    section = f"\n{page}".split(f"\n{heading}\n")[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table, heading
    lines = table[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head, _, *rest = cells
    return [dict(zip(head, row, strict=True)) for row in rest]
