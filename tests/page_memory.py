"""Measure the memory of the page: ten minutes of four stems, a jump every 2.5 seconds.

Playwright has Chromium report every request, which takes memory of the page's own process. So this
talks to Chromium by a pipe, and only has it run JavaScript.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np

from benchmarks.songs.wav import write_wav
from browser import FLAGS, PROGRAM
from local_stack import RATE_HZ, TOKEN, run_stack, stack_settings
from tiny_models import install

SONG_S = 600
MEASURED_S = 60.0
JUMP_EVERY_S = 2.5
WAIT_S = 120.0
# How the song is played, and what that takes once it is open.
WAYS = {
    "playing": "",
    "at 80% tempo": """
        document.querySelector(".practice summary").click();
        const labels = [...document.querySelectorAll(".practice label")];
        const { control } = labels.find((label) => label.textContent.startsWith("Tempo"));
        control.value = 80;
        control.dispatchEvent(new Event("input", { bubbles: true }));
    """,
    "zoomed to samples": """
        for (let times = 0; times < 22; times += 1)
          document.dispatchEvent(new KeyboardEvent("keydown", { key: "+", bubbles: true }));
    """,
}
JUMP = """
    const slider = document.querySelector(".position");
    slider.value = %f;
    for (const type of ["input", "change"])
      slider.dispatchEvent(new Event(type, { bubbles: true }));
"""


class Chromium:
    """A tab of headless Chromium.

    Parameters
    ----------
    profile : Folder of the profile.
    """

    def __init__(self, profile: Path) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        program = shutil.which(PROGRAM)
        assert program, f"There is no {PROGRAM}: run `make chromium`."
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        flags = ["--remote-debugging-pipe", "--autoplay-policy=no-user-gesture-required"]
        command = [program, *FLAGS, *flags, *sandbox, f"--user-data-dir={profile}"]
        # Chromium reads from the file descriptor 3, and writes to 4.
        start = ["bash", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "bash", *command]
        self._process = subprocess.Popen(
            start, pass_fds=(commands, answers), stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(answers)
        self._received = b""
        self._session: dict[str, str] = {}
        target = self._send("Target.createTarget", url="about:blank")
        session = self._send("Target.attachToTarget", **target, flatten=True)
        self._session = {"sessionId": session["sessionId"]}

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def open(self, url: str) -> None:
        """Begin to load a page."""
        self._send("Page.navigate", url=url)

    def run(self, code: str) -> Any:
        """Run the body of a JavaScript function, and return its result."""
        expression = f"(() => {{ {code} }})()"
        answer = self._send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, code: str) -> None:
        """Run the body of a JavaScript function until it returns true."""
        end = time.monotonic() + WAIT_S
        while not self.run(code):
            assert time.monotonic() < end, f"never true: {code}"
            time.sleep(0.1)

    def memory_mb(self) -> float:
        """Return the resident memory of the tab's process."""
        sizes = [
            int(status["VmRSS"].split()[0]) * 1024 / 1e6
            for status in _descendants(self._process.pid)
            if "--type=renderer" in status["command"]
        ]
        return max(sizes)

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        message = {"id": 1, "method": method, "params": parameters, **self._session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:  # events have no ID
            answer = json.loads(self._receive())
            if "id" in answer:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> bytes:
        while b"\0" not in self._received:
            self._received += os.read(self._answers, 1 << 16)
        message, _, self._received = self._received.partition(b"\0")
        return message


def _descendants(pid: int) -> Iterator[dict[str, str]]:
    """Yield what Linux knows about the children of a process, and theirs."""
    for folder in Path("/proc", str(pid), "task", str(pid)).glob("children"):
        for child in folder.read_text().split():
            process = Path("/proc", child)
            lines = (process / "status").read_text().splitlines()
            command = (process / "cmdline").read_text()
            yield dict(line.split(":", 1) for line in lines) | {"command": command}
            yield from _descendants(int(child))


def separate(url: str, song: Path) -> str:
    """Separate a song into four stems, and return its link."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as api:
        size_bytes = song.stat().st_size
        request = {"filename": song.name, "size_bytes": size_bytes, "model": "4stems"}
        answer = api.post("/jobs", json=request)
        assert answer.is_success, answer.text
        job = answer.json()
        upload = job["upload"]
        httpx.put(upload["url"], headers=upload["headers"], content=song.read_bytes(), timeout=60)
        while job["status"] not in {"done", "failed"}:
            time.sleep(1)
            job = api.get(f"/jobs/{job['id']}").raise_for_status().json()
    assert job["status"] == "done", job
    return f"{url}#song={job['id']}"


@contextmanager
def opened_song(link: str, profile: Path) -> Iterator[Chromium]:
    """Open the link of a song in a new browser."""
    chromium = Chromium(profile)
    try:
        chromium.open(link.replace("/#", "/healthz#"))  # of the same origin
        chromium.wait_until("return location.pathname === '/healthz'")
        chromium.run(f"sessionStorage.setItem('stemdrop.token', {TOKEN!r})")
        chromium.open(link)
        chromium.wait_until("return document.querySelector('.play') !== null")
        yield chromium
    finally:
        chromium.close()


def measure(chromium: Chromium, prepare: str) -> list[float]:
    """Play the song with a jump from time to time, and return the memory in MB twice a second."""
    chromium.run(prepare)
    chromium.run("document.querySelector('.play').click()")
    chromium.wait_until("return document.querySelector('.position').valueAsNumber > 0")
    positions_s = np.random.default_rng(2).uniform(0, SONG_S - 10, 1000)
    sizes_mb: list[float] = []
    begun = time.monotonic()
    while (passed_s := time.monotonic() - begun) < MEASURED_S:
        jumps, is_due = divmod(passed_s, JUMP_EVERY_S)
        if is_due < 0.5 and jumps:
            chromium.run(JUMP % positions_s[int(jumps)])
        sizes_mb.append(chromium.memory_mb())
        time.sleep(0.5)
    return sizes_mb


def main() -> int:
    """Print the memory for each way to play the song."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = stack_settings(folder)
        install(settings.models, "4stems")
        noise = np.random.default_rng(1).uniform(-0.3, 0.3, (SONG_S * RATE_HZ, 1))
        write_wav(folder / "song.wav", [np.repeat(noise, 2, axis=1).astype(np.float32)])
        with run_stack(settings) as (services, _):
            link = separate(f"http://localhost:{services.port}/", folder / "song.wav")
            print(f"{'Ten minutes of four stems':30}{'median':>10}{'most':>10}")
            for way, prepare in WAYS.items():
                with opened_song(link, folder / way) as chromium:
                    sizes_mb = measure(chromium, prepare)
                median = statistics.median(sizes_mb)
                print(f"{way:30}{median:>7.0f} MB{max(sizes_mb):>7.0f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
