"""`pull --once` and the server that it reports to: with a password, without one, and gone in the middle."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from sandbox.services import answers
from sandbox.slurm import relay
from sandbox.slurm.places import free_ports
from tests.own_folder import ROOT
from tests.typed import typed
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.stack import Stack

pytestmark = pytest.mark.prefect

SITE = {
    "CLOUDROCK_API_TOKEN": "0123456789abcdef",
    "CLOUDROCK_OFFERING_UUID": "537bdaa7c001571d8956d0ba30a3726d",
    "SLURM_DEPLOYMENT_TYPE": "native",
    "SLURM_TRES_CONFIG_PATH": str(ROOT / "config-components.yaml"),
    "PREFECT_CLIENT_MAX_RETRIES": "0",
}


def environment(folder: Path, prefect: str, marketplace: str, words: str | None) -> dict[str, str]:
    """A site's, of which nothing is there but what the test serves."""
    made = {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(folder), "CLOUDROCK_STATE_DIR": str(folder), **SITE}
    made |= {"PREFECT_API_URL": prefect, "CLOUDROCK_API_URL": marketplace, "PATH": str(folder)}
    return made | ({"PREFECT_API_AUTH_STRING": words} if words else {})


def pulled(
    folder: Path,
    prefect: str,
    marketplace: str,
    words: str | None,
    how: tuple[str, ...] = ("--once",),
    seconds: float = 300,
) -> subprocess.CompletedProcess[str]:
    """A `pull`, from its start to its end."""
    return typed(
        *("pull", *how),
        environment=environment(folder, prefect, marketplace, words),
        folder=folder,
        seconds=seconds,
    )


@contextmanager
def marketplace(on_request: Callable[[], None]) -> Iterator[str]:
    """One that is asked, which the test is told of, and that breaks."""

    class Broken(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            on_request()
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            """Not on the test's screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/"
        server.shutdown()


@contextmanager
def line(port: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a line to a server, and what cuts it."""
    (ours,) = free_ports(1)
    process = subprocess.Popen([sys.executable, relay.__file__, "127.0.0.1", str(ours), str(port)])
    url = f"http://127.0.0.1:{ours}/api"
    until(lambda: answers(f"{url}/health"), "the line", 30)

    def cut() -> None:
        process.kill()
        process.wait()

    yield url, cut
    cut()


def test_a_server_that_goes_away_in_the_middle_is_one_clear_line_and_exit_code_1(
    stack: Stack, password: str, tmp_path: Path
) -> None:
    with line(stack.prefect_port) as (url, cut), marketplace(cut) as address:
        done = pulled(tmp_path, url, address, password)
    assert done.returncode == 1
    said = next(one for one in done.stderr.splitlines() if one.startswith("PREFECT_API_URL: "))
    assert said.startswith(f"PREFECT_API_URL: no Prefect server answers at {url} (")
    assert said.endswith("Run it again once the server is there: nothing is done twice")
    assert "Traceback" not in done.stderr, done.stderr


def test_with_the_right_words_the_run_is_on_the_server(stack: Stack, password: str, tmp_path: Path) -> None:
    asked: list[None] = []
    with marketplace(lambda: asked.append(None)) as address:
        done = pulled(tmp_path, f"{stack.ui_url}/api", address, password)
    assert (done.returncode, bool(asked)) == (1, True)
    assert done.stdout.startswith("Failed: Cloudrock failed with 500 on GET /api/marketplace-provider-")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [None, "admin:wrong"])
@pytest.mark.parametrize("how", [("--once",), ()])
def test_without_the_right_words_the_variable_is_named_and_nothing_is_asked(
    stack: Stack, tmp_path: Path, words: str | None, how: tuple[str, ...]
) -> None:
    done = pulled(tmp_path, f"{stack.ui_url}/api", "http://127.0.0.1:9/api/", words, how, 120)
    assert done.returncode == 2
    wanted = "PREFECT_API_AUTH_STRING: the Prefect server takes nobody without a name and a password"
    assert done.stderr.splitlines()[-1].startswith(wanted)
    assert "Traceback" not in done.stderr
