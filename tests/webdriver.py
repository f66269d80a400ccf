"""Firefox and WebKitGTK's small browser, driven by the protocols that they bring.

Debian has no driver that takes both. Sources: W3C WebDriver for WebKitWebDriver; Marionette, in
"Protocol" of the documentation of Firefox's source code, for Firefox.
"""

import json
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"
TIMEOUT_S = 30.0
POLL_INTERVAL_S = 0.05
DISPLAY_SIZE = "1280x900x24"
END_WITHIN_S = 10.0
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class WebDriver(ABC):
    """A tab of a browser."""

    @abstractmethod
    def open(self, url: str) -> None:
        """Load a page."""

    @abstractmethod
    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function, and return its result."""

    @abstractmethod
    def click(self, selector: str) -> None:
        """Click an element as a user does: sound may begin then."""

    @abstractmethod
    def type(self, selector: str, text: str) -> None:
        """Type keys into an element, or choose the file with a path."""

    def wait_for(self, script: str, *arguments: Any) -> None:
        """Wait until a script returns true."""
        _wait_until(lambda: bool(self.run(script, *arguments)))


class WebKit(WebDriver):
    """A tab of WebKitGTK's small browser."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/session"
        options = {"binary": MINI_BROWSER, "args": ["--automation"]}
        session = self._post(
            "", {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        )
        self._url += f"/{session['sessionId']}"

    def open(self, url: str) -> None:
        """Load a page."""
        self._post("/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function, and return its result."""
        return self._post("/execute/sync", {"script": script, "args": arguments})

    def click(self, selector: str) -> None:
        """Click an element as a user does: sound may begin then."""
        self._post(f"{self._element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type keys into an element, or choose the file with a path."""
        self._post(f"{self._element(selector)}/value", {"text": text})

    def _element(self, selector: str) -> str:
        found = self._post("/element", {"using": "css selector", "value": selector})
        return f"/element/{found[_ELEMENT]}"

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        request = Request(self._url + path, json.dumps(body).encode())  # noqa: S310 - loopback
        with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return json.load(response)["value"]


class Firefox(WebDriver):
    """A tab of Firefox."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._receive()  # the greeting
        self._send("WebDriver:NewSession", {})

    def open(self, url: str) -> None:
        """Load a page."""
        self._send("WebDriver:Navigate", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function, and return its result."""
        sent = {"script": script, "args": arguments, "sandbox": None}
        return self._send("WebDriver:ExecuteScript", sent)["value"]

    def click(self, selector: str) -> None:
        """Click an element as a user does: sound may begin then."""
        self._send("WebDriver:ElementClick", {"id": self._element(selector)})

    def type(self, selector: str, text: str) -> None:
        """Type keys into an element, or choose the file with a path."""
        self._send("WebDriver:ElementSendKeys", {"id": self._element(selector), "text": text})

    def _element(self, selector: str) -> str:
        sent = {"using": "css selector", "value": selector}
        found: str = self._send("WebDriver:FindElement", sent)["value"][_ELEMENT]
        return found

    def _send(self, command: str, parameters: Mapping[str, Any]) -> Any:
        message = json.dumps([0, 1, command, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(message), message))
        _, _, error, result = self._receive()
        assert error is None, error
        return result

    def _receive(self) -> Any:
        digits = b""
        while (byte := self._stream.read(1)) != b":":
            assert byte, "Firefox has ended."
            digits += byte
        return json.loads(self._stream.read(int(digits)))


@contextmanager
def speakers(folder: Path) -> Iterator[dict[str, str]]:
    """Run a sound server without a device, and yield the environment of programs that use it."""
    server = folder / "sound"
    modules = ["module-null-sink", f"module-native-protocol-unix socket={server} auth-anonymous=1"]
    arguments = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    environment = os.environ | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    command = ["pulseaudio", *arguments, *(f"--load={module}" for module in modules)]
    with _running(command, environment):
        _wait_until(server.exists)
        yield environment | {"PULSE_SERVER": f"unix:{server}"}


@contextmanager
def webkit(folder: Path) -> Iterator[WebDriver]:
    """Run WebKitGTK's small browser, which needs a display."""
    with ExitStack() as stack:
        environment = stack.enter_context(speakers(folder))
        read_end, write_end = os.pipe()
        display = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", DISPLAY_SIZE]
        stack.enter_context(_running(display, environment, pass_fds=[write_end]))
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            environment |= {"DISPLAY": f":{pipe.readline().strip()}"}
        # Its sandbox needs rights that containers and the superuser don't have.
        environment |= {"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        port = _free_port()
        stack.enter_context(_running(["WebKitWebDriver", f"--port={port}"], environment))
        _wait_until(lambda: _listens(port))
        yield WebKit(port)


@contextmanager
def firefox(folder: Path) -> Iterator[WebDriver]:
    """Run Firefox without its windows."""
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text('user_pref("marionette.port", 0);\n')
    command = [
        "firefox-esr",
        "--headless",
        "--no-remote",
        "--marionette",
        "--profile",
        str(profile),
    ]
    port_file = profile / "MarionetteActivePort"
    with speakers(folder) as environment, _running(command, environment):
        _wait_until(lambda: port_file.is_file() and bool(port_file.read_text()))
        address = ("127.0.0.1", int(port_file.read_text()))
        with socket.create_connection(address, TIMEOUT_S) as connection:
            yield Firefox(connection)


BROWSERS: dict[str, Callable[[Path], Any]] = {"Firefox": firefox, "WebKit": webkit}


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], pass_fds: list[int] | None = None
) -> Iterator[None]:
    """Run a program with its children, and end all of them."""
    process = subprocess.Popen(
        command,
        env=environment,
        pass_fds=pass_fds or (),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(END_WITHIN_S)


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end, "It never happened."
        time.sleep(POLL_INTERVAL_S)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
