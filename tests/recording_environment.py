"""An environment that records which variables are read."""

from collections.abc import Iterator, Mapping


class RecordingEnvironment(Mapping[str, str]):
    """An environment with the names that were asked for, whether they are set or not."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("Settings are read by their names.")

    def __len__(self) -> int:
        return len(self._variables)
