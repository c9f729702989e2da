"""A real HTTP server on the loopback that answers what a test tells it, recorded answers above all."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cloudrock_io.client import Cloudrock
from cloudrock_io.repeating import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAPTURED = Path(__file__).parent.parent / "captured" / "cloudrock-door" / "exchanges.json"
OFFERING = "537bdaa7c001571d8956d0ba30a3726d"
SECRET = "0123456789abcdef0123456789abcdef01234567"  # noqa: S105  # no server knows it
HASTE = Patience(connect_timeout=1.0, read_timeout=0.4, attempts=3, first_pause=0.001, longest_pause=0.01)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: object = ""
    """Bytes and strings as they are, anything else as JSON."""
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    """hang: never answer; reset: hang up instead of answering; truncate: hang up amid the body."""

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    body: object
    headers: dict[str, str]


class Server:
    """Gives the answers one after the other, the last one from then on; remembers the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.compute: Callable[[Request], Answer] | None = None
        self.requests: list[Request] = []
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._httpd.daemon_threads = True
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._httpd.server_address[1]}"

    @property
    def api_url(self) -> str:
        return f"{self.origin}/api/"

    def will_answer(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def next_answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            if self.compute is not None:
                return self.compute(request)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def stop(self) -> None:
        self.over.set()
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # headers and body in one packet, else each answer takes 40 ms
            timeout = 5

            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                split = urlsplit(self.path)
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = server.next_answer(
                    Request(
                        method=self.command,
                        path=split.path,
                        query=parse_qs(split.query, keep_blank_values=True),
                        body=json.loads(text) if text else None,
                        headers=dict(self.headers),
                    )
                )
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.act(answer)

            def act(self, answer: Answer) -> None:
                if answer.fault == "hang":
                    server.over.wait(5)
                if answer.fault in {"hang", "reset"}:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    return
                content = answer.content()
                self.send_response_only(answer.status)
                self.send_header("Date", answer.headers.get("Date", self.date_time_string()))
                for name, value in (answer.headers | {"Content-Length": str(len(content))}).items():
                    if name != "Date":
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if answer.fault == "truncate" else content)
                self.close_connection = self.close_connection or answer.fault == "truncate"

            do_GET = do_POST = answer  # noqa: N815  # http.server's names

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def cloudrock(server: Server) -> Iterator[Cloudrock]:
    with Cloudrock(server.api_url, SECRET, OFFERING, patience=HASTE) as door:
        yield door


@pytest.fixture(scope="session")
def exchanges() -> dict[str, dict[str, Any]]:
    return {exchange["name"]: exchange for exchange in json.loads(CAPTURED.read_text())}


@pytest.fixture
def body(exchanges: dict[str, dict[str, Any]]) -> Callable[[str], Any]:
    """A recorded answer's JSON, as a copy that may be changed."""
    return lambda name: json.loads(json.dumps(exchanges[name]["response"]["body"]))


@pytest.fixture
def recorded(exchanges: dict[str, dict[str, Any]]) -> Callable[[str], Answer]:
    """A recorded answer to be given again."""

    def answer(name: str) -> Answer:
        response = exchanges[name]["response"]
        return Answer(response["status"], response["body"], response["headers"])

    return answer


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def door() -> Iterator[Callable[..., Cloudrock]]:
    """Makes doors with other settings, and closes them."""
    made: list[Cloudrock] = []

    def make(api_url: str, token: str = SECRET, offering: str = OFFERING, **settings: Any) -> Cloudrock:
        made.append(Cloudrock(api_url, token, offering, **{"patience": HASTE, **settings}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def refusing() -> str:
    """An API address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/api/"


@pytest.fixture
def stopwatch() -> Callable[[], float]:
    started = time.monotonic()
    return lambda: time.monotonic() - started
