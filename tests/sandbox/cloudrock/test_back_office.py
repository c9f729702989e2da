"""The back office: trouble on request, the request log, and the stand-in as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from sandbox.cloudrock import OfficeClient

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.sandbox.cloudrock.bench import Bench

ROOT = Path(__file__).parents[3]


def test_an_answer_can_be_replaced_for_the_next_matching_requests_only(bench: Bench) -> None:
    bench.office.fail_next("GET .*/users/", status=503, times=2, headers={"Retry-After": "7"})
    assert bench.call("GET", "version/").status_code == 200
    answers = [bench.call("GET", "users/me/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"


def test_a_dropped_request_is_not_done_and_a_lost_one_is(bench: Bench) -> None:
    resource = bench.finished("dropped")
    path = f"marketplace-resources/{resource}/set_backend_id/"
    for kind, kept in (("drop", ""), ("lose", "lost")):
        bench.office.fail_next("set_backend_id", kind=kind)
        with pytest.raises(httpx.RemoteProtocolError):
            bench.post(path, {"backend_id": "lost"})
        assert bench.get(f"marketplace-resources/{resource}/")["backend_id"] == kept


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("kill", pytest.raises(httpx.RemoteProtocolError)), ("kill_told", nullcontext())],
    ids=["before", "after"],
)
def test_a_process_can_be_killed_before_or_after_the_answer_to_what_was_done(
    bench: Bench, kind: str, answer: AbstractContextManager[object]
) -> None:
    path = f"marketplace-resources/{bench.finished('deadly')}/set_backend_id/"
    with subprocess.Popen(["sleep", "60"]) as victim:
        bench.office.fail_next("set_backend_id", kind=kind, pid=victim.pid, after=1)
        assert bench.post(path, {"backend_id": "first"}).status_code == 200
        assert victim.poll() is None
        with answer:
            assert bench.post(path, {"backend_id": "second"}).status_code == 200
        assert victim.wait(10) == -signal.SIGKILL
    assert bench.get(path.removesuffix("set_backend_id/"))["backend_id"] == "second"


@pytest.mark.parametrize("pid", [-1, 0, 1])
def test_nobody_is_killed_who_is_not_named(bench: Bench, pid: int) -> None:
    with pytest.raises(ValueError, match=f"whom to kill is not said: pid {pid}"):
        bench.office.fail_next("set_backend_id", kind="kill", pid=pid)


def test_a_slow_request_outlasts_a_callers_patience(bench: Bench) -> None:
    bench.office.fail_next("version", kind="slow", seconds=0.4)
    with pytest.raises(httpx.ReadTimeout):
        bench.client.get("version/", timeout=0.1)


def test_the_request_log_tells_who_asked_what_and_was_answered_what(bench: Bench) -> None:
    bench.office.clear_requests()
    bench.post("marketplace-orders/?x=1", {"items": 1}, "customer_owner")
    bench.client.get("version/")
    logged = bench.office.requests()
    times = [str(one.pop("at")) for one in logged]
    assert times == sorted(times)
    assert logged == [
        {
            "method": "POST",
            "path": "/api/marketplace-orders/",
            "query": "x=1",
            "actor": "c1owner",
            "body": {"items": 1},
            "status": 400,
        },
        {"method": "GET", "path": "/api/version/", "query": "", "actor": "", "body": None, "status": 401},
    ]


@pytest.mark.parametrize("name", ["nothing", "_now", "__class__", "perform"])
def test_the_door_for_other_processes_opens_public_methods_only(bench: Bench, name: str) -> None:
    url = bench.marketplace.api_url.replace("/api/", f"/sandbox/{name}/")
    headers = {"Authorization": f"token {bench.marketplace.tokens['staff']}"}
    answer = bench.client.post(url, json={}, headers=headers)
    assert answer.status_code == 400
    assert "the back office has no" in answer.json()["detail"]


def test_the_server_listens_on_the_loopback_only(bench: Bench) -> None:
    assert bench.marketplace.api_url.startswith("http://127.0.0.1:")


def test_as_a_process_it_writes_its_tokens_to_a_private_file_and_ends_when_told(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.json"
    argv = [sys.executable, "-W", "error", "-m", "sandbox.cloudrock", "--port", "0", "--worker-delay", "0"]
    argv += ["--database", str(tmp_path / "c.sqlite"), "--tokens", str(tokens)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert b"cloudrock stand-in: http://127.0.0.1:" in process.stdout.readline()
        notes = json.loads(tokens.read_text())
        office = OfficeClient(notes["api_url"], notes["tokens"]["staff"])
        assert office.run_worker() == 0
        office.close()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, b"", b"")
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
