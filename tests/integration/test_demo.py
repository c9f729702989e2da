"""`make demo` as a person has it: it works, and whatever happens to it, it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.slurm.places import key_of
from tests.own_folder import DEMO_FOLDER as FOLDER
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/run"), Path("/dev/shm"))  # noqa: S108 - only looked at
OURS = re.compile(rf"crs-\d+-{key_of(FOLDER / 'slurm')}|prefect|slurm|munge|mysql|maria")
PULL = "pull-orders makes it real"
PUSH = "push-usage reports what they used"

if TYPE_CHECKING:
    Demonstrate = Callable[..., AbstractContextManager[Any]]


def in_shared_folders() -> set[Path]:
    """What programs of ours leave there would be called so; other people work on this machine meanwhile."""
    listed = (path for folder in SHARED if folder.exists() for path in folder.iterdir())
    return {path for path in listed if OURS.search(path.name)}


def test_the_demo_shows_equal_amounts_and_leaves_nothing_anywhere(
    demonstrate: Demonstrate, nothing_left: Callable[[Path], None], tmp_path: Path
) -> None:
    before = in_shared_folders()
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    with demonstrate(HOME=str(home), TMPDIR=str(temporary)) as demo:
        assert demo.end() == 0, demo.text
    for component in ("cpu", "gres/gpu", "mem"):
        assert re.search(rf"│ {component} .*│ yes ", demo.text), demo.text
    nothing_left(FOLDER)
    assert list(home.rglob("*")) == []
    assert list(temporary.rglob("*")) == []
    assert in_shared_folders() - before == set()


def test_ctrl_c_while_it_starts_stops_everything(
    demonstrate: Demonstrate,
    nothing_left: Callable[[Path], None],
    processes_of: Callable[[Path], list[str]],
) -> None:
    with demonstrate() as demo:
        until(lambda: "slurmdbd" in " ".join(processes_of(FOLDER)), "slurmdbd starts")
        demo.press_ctrl_c()
        assert demo.end() == 130, demo.text
    assert "Interrupted." in demo.text
    assert "Traceback" not in demo.text
    nothing_left(FOLDER)


def test_ctrl_c_while_a_flow_runs_stops_everything(
    demonstrate: Demonstrate,
    nothing_left: Callable[[Path], None],
    processes_of: Callable[[Path], list[str]],
) -> None:
    with demonstrate() as demo:
        demo.wait_for(PULL)
        until(lambda: "prefect.engine" in " ".join(processes_of(FOLDER)), "the run's own process")
        demo.press_ctrl_c()
        demo.wait_for("Interrupted.")
        demo.press_ctrl_c()
        assert demo.end() == 130, demo.text
    assert "Traceback" not in demo.text
    nothing_left(FOLDER)


def test_a_marketplace_that_dies_ends_the_demo_with_the_step_and_the_reason(
    demonstrate: Demonstrate, nothing_left: Callable[[Path], None]
) -> None:
    with demonstrate() as demo:
        demo.wait_for(PULL)
        os.kill(marketplace_of(FOLDER), signal.SIGKILL)
        assert demo.end() == 1, demo.text
    said = demo.text.partition("Failed:")[2]
    assert said.lstrip().startswith(PULL), demo.text
    assert "ended meanwhile: marketplace (exit code -9)" in said, demo.text
    assert "Traceback" not in demo.text
    nothing_left(FOLDER)


def marketplace_of(folder: Path) -> int:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        words = process.read_bytes().split(b"\0")
        if b"sandbox.cloudrock" in words and os.fsencode(folder / "services" / "market.sqlite") in words:
            return int(process.parent.name)
    raise LookupError(folder)


def test_what_a_killed_demo_leaves_is_stopped_by_down(
    demonstrate: Demonstrate,
    nothing_left: Callable[[Path], None],
    processes_of: Callable[[Path], list[str]],
    command: Callable[..., tuple[int, str]],
) -> None:
    with demonstrate() as demo:
        until(lambda: "sandbox.cloudrock" in " ".join(processes_of(FOLDER)), "the marketplace starts")
        code, said = command("up", "--folder", str(FOLDER))
        assert (code, "is at work in" in said) == (1, True)
        os.kill(demo.process.pid, signal.SIGKILL)
        demo.end()
    assert processes_of(FOLDER)
    assert command("down", "--folder", str(FOLDER)) == (0, "Stopped.\n")
    nothing_left(FOLDER)
    assert command("down", "--folder", str(FOLDER)) == (0, "Nothing was running.\n")
