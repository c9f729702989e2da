"""A proxy that the machine's environment names is for the world; the sandbox's servers are on this host."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from sandbox.cloudrock import Marketplace
from sandbox.inherited import environment
from sandbox.prefect_api import PrefectApi
from sandbox.services import answers

if TYPE_CHECKING:
    from collections.abc import Iterator

DEAD = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[str]:
    """Answers every GET with `1`."""

    class One(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"1")

        def log_message(self, *words: object) -> None:
            pass

    found = HTTPServer(("127.0.0.1", 0), One)
    Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    found.server_close()


@pytest.mark.parametrize(
    ("given", "bypassed"),
    [
        ({}, None),
        ({"https_proxy": DEAD}, "127.0.0.1,localhost"),
        ({"HTTP_PROXY": DEAD, "NO_PROXY": "example.com"}, "example.com,127.0.0.1,localhost"),
        (
            {"ALL_PROXY": DEAD, "no_proxy": "example.com", "NO_PROXY": "other"},
            "example.com,127.0.0.1,localhost",
        ),
    ],
)
def test_programs_that_inherit_a_proxy_do_not_ask_it_for_this_host(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], bypassed: str | None
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert {environment().get(name) for name in ("NO_PROXY", "no_proxy")} == {bypassed}


def test_the_sandbox_s_own_clients_ask_no_proxy(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, DEAD)
    assert answers(server)
    assert PrefectApi(server).ask("GET", "health") == 1
    with Marketplace() as market:
        assert market.office.requests() is not None
