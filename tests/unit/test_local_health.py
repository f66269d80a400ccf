import http.server
import socket
import threading

import pytest

from stemdrop_local.health import answers, port_of
from stemdrop_local.ports import LOOPBACK


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("/opt/local/bin/python -m stemdrop_local.local --host 0.0.0.0 --port 8000", 8000),
        ("/opt/local/bin/python -m stemdrop_local.local --host 0.0.0.0 --models /opt/models", 5000),
        ("/sbin/docker-init -- /opt/stemdrop/local.sh --port=80 --songs 2", 80),
    ],
)
def test_health_check_finds_port_in_command_line(line: str, port: int) -> None:
    assert port_of([*line.split(" "), ""]) == port


@pytest.mark.parametrize("status", [200, 500])
def test_only_status_200_is_healthy(status: int) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer((LOOPBACK, 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert answers(server.server_port) is (status == 200)
        thread.join()


def test_no_response_is_unhealthy() -> None:
    with socket.socket() as silent:
        silent.bind((LOOPBACK, 0))
        assert not answers(silent.getsockname()[1])
