"""The agent's token stays in environments and in one file; our servers stay on the loopback."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

LISTENING = "0A"
LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
TOKENS_FILE = "market.tokens.json"
HANDED_OVER = "prefect-workspace-attempt-"
"""A worker hands its environment to the run that it starts in a private temporary folder of this name."""


def test_the_token_is_in_no_file_of_prefect_and_in_no_log(up: Any) -> None:
    folder = up.stack.services.folder
    token = up.token.encode()
    assert (folder / "prefect" / "prefect.db").stat().st_size
    found = []
    for path in folder.rglob("*"):
        if path.name.startswith("market.") or HANDED_OVER in str(path):
            continue
        with suppress(IsADirectoryError, FileNotFoundError):  # runs come and go meanwhile
            found += [path] if token in path.read_bytes() else []
    assert found == []
    assert token in (folder / TOKENS_FILE).read_bytes()


def test_only_its_owner_may_read_what_holds_the_token(up: Any) -> None:
    folder = up.stack.services.folder
    assert (folder / TOKENS_FILE).stat().st_mode & 0o077 == 0
    assert up.stack.home.stat().st_mode & 0o077 == 0
    for handed_over in folder.rglob(f"{HANDED_OVER}*"):
        with suppress(FileNotFoundError):
            assert handed_over.stat().st_mode & 0o077 == 0


def test_the_token_is_in_no_process_argument(up: Any) -> None:
    seen = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            seen[process.name] = (process / "cmdline").read_bytes()
    assert seen
    assert [words for words in seen.values() if up.token.encode() in words] == []


def test_the_token_is_in_no_run_and_no_artifact(up: Any) -> None:
    kinds = ("flow_runs", "task_runs", "artifacts", "deployments", "variables", "logs", "automations")
    for kind in kinds:
        found = up.ask("POST", f"{kind}/filter", {})
        assert found or kind == "variables", kind
        assert up.token not in json.dumps(found)


def test_the_token_is_in_no_event_and_ours_are_there(up: Any) -> None:
    seen: set[str] = set()
    answer = up.ask("POST", "events/filter", {"limit": 50})
    while answer["events"]:
        assert up.token not in json.dumps(answer)
        seen |= {event["event"] for event in answer["events"]}
        following = answer["next_page"]
        if not following:
            break
        answer = up.ask("GET", following.partition("/api/")[2])
    assert {"cloudrock-slurm.order.applied", "cloudrock-slurm.usage.uploaded"} <= seen


def inodes_of(up: Any) -> dict[str, str]:
    """The sockets of the stack's processes, and who has them."""
    marks = [os.fsencode(up.stack.services.folder), os.fsencode(up.stack.cluster.folder)]
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes()
            if process.name != str(os.getpid()) and any(mark in environment for mark in marks):
                name = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                for descriptor in (process / "fd").iterdir():
                    with suppress(OSError):
                        found[str(descriptor.readlink())] = name
    return found


def test_every_server_listens_on_the_loopback_only(up: Any) -> None:
    owners = inodes_of(up)
    addresses = []
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = row.split()
            owner = owners.get(f"socket:[{words[9]}]")
            if owner and words[3] == LISTENING:
                addresses.append((words[1].partition(":")[0], owner))
    programs = " ".join(owner for _, owner in addresses)
    for program in ("sandbox.cloudrock", "prefect", "slurmdbd", "slurmctld", "slurmd -D -N n1"):
        assert program in programs
    assert [found for found in addresses if found[0] not in LOOPBACK] == []
