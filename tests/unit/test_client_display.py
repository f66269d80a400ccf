import io
import re

import pytest
from rich.console import Console

from stemdrop_cli.bars import BarDisplay
from stemdrop_cli.display import Display, LineDisplay, Phase, open_display


class TerminalScreen(io.StringIO):
    """A terminal that records its output."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """Return all text that was ever written, without control codes."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.strip()]


@pytest.fixture
def screen() -> TerminalScreen:
    return TerminalScreen()


def terminal(screen: TerminalScreen) -> Console:
    return Console(file=screen, force_terminal=True, width=100, legacy_windows=False)


def go(display: Display) -> None:
    """Run a song through all phases."""
    with display.row("[b]Song[/x].mp3") as row:
        row.start(Phase.READING, 100)
        row.update(100)
        row.start(Phase.UPLOADING, 100)
        row.update(50)
        row.note("server unavailable, retrying")
        row.update(100)
        row.start(Phase.QUEUED)
        row.start(Phase.QUEUED)
        row.start(Phase.SEPARATING, 1.0)
        row.update(0.25, 75.0)
        row.start(Phase.DOWNLOADING, 100)
        row.update(100)


def test_display_without_terminal_prints_a_line_per_phase(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_display(Console(file=io.StringIO())) as display:
        assert isinstance(display, LineDisplay)
        go(display)
        display.print_result("done")
        display.print_error("What is wrong.")
    printed = capsys.readouterr()
    assert printed.out == "done\n"
    said = [
        "reading",
        "uploading",
        "server unavailable, retrying",
        "waiting its turn",
        "separating",
    ]
    lines = [f"[b]Song[/x].mp3: {what}" for what in (*said, "downloading")]
    assert printed.err.splitlines() == [*lines, "stemdrop: What is wrong."]


def test_display_on_terminal_shows_and_removes_bars(screen: TerminalScreen) -> None:
    with open_display(terminal(screen)) as display:
        assert isinstance(display, BarDisplay)
        with display.row("[b]Song[/x].mp3") as row:
            progress = display._progress
            for phase, total, reached, shown in [
                (Phase.READING, 100, 10, "10%"),
                (Phase.UPLOADING, 200, 50, "25%"),
                (Phase.DOWNLOADING, 300, 225, "75%"),
            ]:
                row.start(phase, total)
                row.update(reached)
                progress.refresh()
                assert "[b]Song[/x].mp3" in screen.lines[-1]
                assert phase in screen.lines[-1]
                assert shown in screen.lines[-1]
        progress.refresh()
    assert screen.getvalue().endswith("\x1b[2K\x1b[?25h\r")  # erased, and the cursor is visible


def test_time_left_is_the_servers_estimate(screen: TerminalScreen) -> None:
    with open_display(terminal(screen)) as display, display.row("Song") as row:
        assert isinstance(display, BarDisplay)
        row.start(Phase.SEPARATING, 1.0)
        row.update(0.5, 75.4)
        display._progress.refresh()
        assert re.search(r"separating .* 50% 1:15 left$", screen.lines[-1])
        row.update(0.99, -3.0)
        display._progress.refresh()
        assert screen.lines[-1].endswith("0:00 left")
        row.start(Phase.QUEUED)
        display._progress.refresh()
        assert "left" not in screen.lines[-1]


def test_time_left_of_a_separation_is_hidden_until_it_is_known(screen: TerminalScreen) -> None:
    with open_display(terminal(screen)) as display, display.row("Song") as row:
        assert isinstance(display, BarDisplay)
        row.start(Phase.SEPARATING, 1.0)
        for share in (0.1, 0.2, 0.3):
            row.update(share)
            display._progress.refresh()
            assert "left" not in screen.lines[-1]
        row.update(0.4, 62.4)
        display._progress.refresh()
        assert screen.lines[-1].endswith("40% 1:02 left")


def test_quiet_display_shows_errors_only(
    screen: TerminalScreen, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_display(terminal(screen), quiet=True) as display:
        go(display)
        display.print_error("What is wrong.")
    printed = capsys.readouterr()
    assert (screen.getvalue(), printed.out) == ("", "")
    assert printed.err == "stemdrop: What is wrong.\n"


def test_note_is_shown_until_next_update(screen: TerminalScreen) -> None:
    with open_display(terminal(screen)) as display, display.row("Song") as row:
        assert isinstance(display, BarDisplay)
        for is_further in (True, False):
            row.start(Phase.UPLOADING, 9)
            row.note("server unavailable, retrying")
            display._progress.refresh()
            assert "server unavailable, retrying" in screen.lines[-1]
            if is_further:
                row.update(3)
            else:
                row.start(Phase.UPLOADING, 9)
            display._progress.refresh()
            assert "no answer" not in screen.lines[-1]
            assert "uploading" in screen.lines[-1]


def test_lines_are_printed_above_bars(
    screen: TerminalScreen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "x" * 300
    with open_display(terminal(screen)) as display, display.row("Song"):
        display.print_result("to a pipe")
        display.print_error(f"[b]wrong[/x] :cat: \x1b[5m {long}.")
        monkeypatch.setattr("sys.stdout", TerminalScreen())
        display.print_result("to the terminal")
    assert capsys.readouterr().out == "to a pipe\n"
    assert f"stemdrop: [b]wrong[/x] :cat: ?[5m {long}." in screen.lines
    assert "to the terminal" in screen.lines
    assert "to a pipe" not in screen.getvalue()


def test_song_names_fit_in_one_row(screen: TerminalScreen) -> None:
    with open_display(terminal(screen)) as display:
        assert isinstance(display, BarDisplay)
        for name in ("", "ü" * 300, "日本語🎵" * 40, "\udcff\udcfe", "[", "{x}", "[b]"):
            with display.row(name) as row:
                row.start(Phase.READING, 0)
                row.update(0)
                display._progress.refresh()
                assert name[:10] in screen.lines[-1]
                assert "reading" in screen.lines[-1]
