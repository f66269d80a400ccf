"""What the functions share: errors, options, keys, the job record, the index and the store."""

from pathlib import Path

_VERSION_FILE = Path(__file__).with_name("version.txt")  # from the git tag: see pyproject.toml
__version__ = _VERSION_FILE.read_text().strip() if _VERSION_FILE.is_file() else "0.0.0"
