"""Captured output of a local stack, for tests that wait for certain lines."""

import re
from io import TextIOBase
from threading import Condition


class CapturedOutput(TextIOBase):
    """A text stream that keeps its text and notifies waiting threads."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._changed = Condition()

    def write(self, text: str) -> int:
        with self._changed:
            self._text += text
            self._changed.notify_all()
        return len(text)

    @property
    def text(self) -> str:
        """Return all text so far."""
        return self._text

    def count(self, pattern: str) -> int:
        """Return how many lines match so far."""
        return len(re.findall(f"^.*(?:{pattern}).*$", self._text, re.MULTILINE))

    def wait(self, pattern: str, times: int = 1, timeout_s: float = 60.0) -> None:
        """Wait until a number of lines match."""
        with self._changed:
            matched = self._changed.wait_for(lambda: self.count(pattern) >= times, timeout_s)
        assert matched, f"{self.count(pattern)} of {times} lines match {pattern!r}:\n{self._text}"
