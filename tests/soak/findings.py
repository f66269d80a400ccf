"""What a soak run has counted and found."""

from collections import Counter
from dataclasses import dataclass, field

ABSENT = (
    "lost",
    "wrong",
    "duplicates",
    "unannounced",
    "orphans",
    "stems under failed records",
    "multipart uploads",
    "temporary files",
)


@dataclass(slots=True)
class Findings:
    """Findings of a run.

    Attributes
    ----------
    faults : Kind of finding that has to be absent to descriptions.
    counts : Everything else that was counted.
    """

    faults: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, what: str) -> None:
        """Add a finding."""
        self.faults.setdefault(kind, []).append(what)

    def merge(self, other: "Findings") -> None:
        """Add the findings of another batch."""
        self.counts.update(other.counts)
        for kind, found in other.faults.items():
            self.faults.setdefault(kind, []).extend(found)

    def table(self) -> str:
        """Return everything that was counted, what has to be absent last."""
        lines = [f"{name:<34}{count:>9,}" for name, count in self.counts.items()]
        for kind in ABSENT:
            found = self.faults.get(kind, [])
            lines += [f"{kind:<34}{len(found):>9,}", *(f"    {what}" for what in found)]
        return "\n".join(lines)
