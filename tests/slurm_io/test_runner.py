"""The runner, with real small programs, and its judgement of what SLURM 22.05 really said."""

from __future__ import annotations

import os
import pickle
import signal
import time
from typing import TYPE_CHECKING

import pytest

from slurm_io import runner as runner_module
from slurm_io.client import SLURM_ENVIRONMENT
from slurm_io.errors import (
    SlurmCommandFailed,
    SlurmError,
    SlurmMisconfigured,
    SlurmUnavailable,
    UnexpectedSlurmOutput,
)
from slurm_io.runner import LARGEST_STDERR, NativeRunner, judged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENVIRONMENT = {"PATH": "/usr/bin:/bin", **SLURM_ENVIRONMENT}
NATIVE = NativeRunner(ENVIRONMENT)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """A shell script as an executable file."""

    def write(body: str, *, mode: int = 0o755, first: str = "#!/bin/sh\n") -> str:
        path = tmp_path / "program"
        path.write_text(first + body)
        path.chmod(mode)
        return str(path)

    return write


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a killed child whose parent is gone may be a zombie for a moment
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - may vanish meanwhile
        return stat.read().rpartition(")")[2].split()[0] != "Z"


def ended(pid: int) -> bool:
    for _ in range(50):
        try:
            if not is_alive(pid):
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.1)
    return False


def test_what_a_command_prints_comes_back_whole(program: Callable[[str], str]) -> None:
    assert NATIVE.run((program("printf 'a|b\\n%s|c\\n' \"$1\""), "x y;$(id)")) == "a|b\nx y;$(id)|c\n"


def test_two_full_pipes_do_not_block_each_other(program: Callable[[str], str]) -> None:
    script = program("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero | tr '\\0' a")
    assert NATIVE.run((script,), timeout=20) == "a" * 3_000_000


def test_bytes_that_are_no_text_stay_visible(program: Callable[[str], str]) -> None:
    assert NATIVE.run((program("printf '\\377\\303\\251'"),)) == "\\xffé"


def test_a_command_gets_the_given_environment_and_none_of_our_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", "secret")
    printed = NATIVE.run(("env",)).splitlines()
    assert sorted(printed) == sorted(f"{key}={value}" for key, value in ENVIRONMENT.items())


def test_a_command_that_asks_finds_nobody(program: Callable[[str], str]) -> None:
    assert NATIVE.run((program("read answer || echo nobody"),), timeout=10) == "nobody\n"


def test_a_command_past_its_time_ends_with_all_its_children(
    program: Callable[[str], str], tmp_path: Path
) -> None:
    script = program(f"sleep 60 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/parent; wait")
    begun = time.monotonic()
    with pytest.raises(SlurmUnavailable, match=r"did not end within 1 s and was stopped"):
        NATIVE.run((script,), timeout=1)
    assert time.monotonic() - begun < 5
    assert ended(int((tmp_path / "child").read_text()))
    assert ended(int((tmp_path / "parent").read_text()))


def test_a_silent_command_that_closed_its_pipes_is_stopped_in_time_too(program: Callable[[str], str]) -> None:
    with pytest.raises(SlurmUnavailable, match="did not end within 1 s"):
        NATIVE.run((program("exec >&- 2>&-; sleep 60"),), timeout=1)


def test_no_time_is_slept_away_between_the_end_of_the_output_and_of_the_command(
    program: Callable[[str], str],
) -> None:
    path = program("exec >&- 2>&-; sleep 0.01")
    began = time.monotonic()
    for _ in range(10):
        NATIVE.run((path,))
    assert time.monotonic() - began < 10 * runner_module.GLANCE


@pytest.mark.parametrize("detach", ["", "setsid"])
def test_a_child_that_holds_the_output_open_cannot_hold_the_run(
    program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, detach: str
) -> None:
    monkeypatch.setattr(runner_module, "LINGER", 0.5)
    script = program(f"{detach} sleep 30 & echo $! > {tmp_path}/child; echo done")
    begun = time.monotonic()
    assert NATIVE.run((script,), timeout=20) == "done\n"
    assert time.monotonic() - begun < 5
    child = int((tmp_path / "child").read_text())
    if detach:
        os.kill(child, signal.SIGKILL)
    assert ended(child)


def test_a_command_that_prints_without_end_is_stopped(
    program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "LARGEST_OUTPUT", 5_000_000)
    with pytest.raises(UnexpectedSlurmOutput, match="expected an end of its output, found 'Commit changes"):
        NATIVE.run((program("yes 'Commit changes? (y/N)'"),), timeout=60)


def test_a_gigabyte_of_errors_is_read_and_mostly_dropped(program: Callable[[str], str]) -> None:
    script = program("echo 'no such thing' >&2; head -c 1000000000 /dev/zero >&2; exit 1")
    with pytest.raises(SlurmCommandFailed, match="refused") as caught:
        NATIVE.run((script,), timeout=60)
    assert len(caught.value.words) <= LARGEST_STDERR
    assert len(str(caught.value)) < 1000


def test_a_command_that_fails_says_how(program: Callable[[str], str]) -> None:
    script = program("echo 'no such account' >&2; exit 3")
    with pytest.raises(SlurmCommandFailed, match=r"was refused \(exit 3\): no such account") as caught:
        NATIVE.run((script, "x"))
    assert (caught.value.argv, caught.value.returncode) == ((script, "x"), 3)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


def test_an_error_with_exit_0_is_an_error(program: Callable[[str], str]) -> None:
    with pytest.raises(SlurmCommandFailed):
        NATIVE.run((program("echo 'sacct: error: slurmdb thing' >&2; echo a"),))


def test_a_remark_with_exit_0_is_none(program: Callable[[str], str]) -> None:
    assert NATIVE.run((program("echo 'note: all well' >&2; echo a"),)) == "a\n"


def test_a_command_that_was_killed_is_a_failure(program: Callable[[str], str]) -> None:
    with pytest.raises(SlurmCommandFailed, match=r"exit -9"):
        NATIVE.run((program("echo half; kill -9 $$"),))


def test_a_command_that_is_not_there_is_a_misconfiguration() -> None:
    with pytest.raises(
        SlurmMisconfigured, match=r"'sacctmgr-of-nowhere' cannot be run here .*install SLURM's"
    ):
        NATIVE.run(("sacctmgr-of-nowhere", "-nP"))


@pytest.mark.parametrize(
    ("mode", "first"), [(0o644, "#!/bin/sh\n"), (0o755, "#!/nowhere\n"), (0o755, "\0\1\2")]
)
def test_a_file_that_cannot_be_run_is_a_misconfiguration(
    program: Callable[..., str], mode: int, first: str
) -> None:
    with pytest.raises(SlurmMisconfigured, match="cannot be run here"):
        NATIVE.run((program("echo a", mode=mode, first=first),))


ARGV = ("sacctmgr", "-i", "add")


def judge(captured: Callable[[str], str], name: str, *, returncode: int = 1) -> str:
    """The judgement of a captured failure; a file that was not kept was empty."""

    def text(kind: str) -> str:
        try:
            return captured(f"{name}.{kind}")
        except FileNotFoundError:
            return ""

    return judged(ARGV, returncode, text("out"), text("err"))


@pytest.mark.parametrize(
    "name",
    [
        *(
            f"{what}-{how}"
            for what in ("slurmdbd-down", "mariadb-down")
            for how in ("show-assoc", "add-account", "sacct")
        ),
        *(f"munged-only-down-{how}" for how in ("show-assoc", "add-account", "sacct")),
        "munged-down-show-assoc",
        "slurmctld-down-squeue",
        "slurmctld-down-scancel",
    ],
)
def test_what_is_down_may_come_back(captured: Callable[[str], str], name: str) -> None:
    with pytest.raises(SlurmUnavailable, match="does not answer"):
        judge(captured, name)


@pytest.mark.parametrize("what", ["add-account", "add-user", "modify-account", "delete-account"])
def test_what_is_denied_needs_an_administrator(captured: Callable[[str], str], what: str) -> None:
    with pytest.raises(SlurmMisconfigured, match="AdminLevel Operator"):
        judge(captured, f"denied-{what}")


def test_a_host_without_slurms_configuration_is_a_misconfiguration(captured: Callable[[str], str]) -> None:
    with pytest.raises(SlurmMisconfigured, match="finds no SLURM configuration"):
        judge(captured, "no-slurm-conf")


def test_a_tres_that_the_cluster_does_not_track_is_a_misconfiguration(captured: Callable[[str], str]) -> None:
    with pytest.raises(SlurmMisconfigured, match="AccountingStorageTRES"):
        judge(captured, "set-limits-unknown-tres")


@pytest.mark.parametrize(
    "name",
    [
        "add-account-unknown-parent",
        "add-user-unknown-account",
        "add-user-unknown-default-account",
        "sacct-bad-field",
        "sacct-bad-time",
        "sacct-unknown-user",
        "set-limits-empty",
        "show-assoc-unknown-field",
    ],
)
def test_a_refusal_is_a_refusal_and_no_work_done(captured: Callable[[str], str], name: str) -> None:
    with pytest.raises(SlurmCommandFailed) as caught:
        judge(captured, name)
    assert not caught.value.changed_nothing


NOTHING = [
    "add-account-again",
    "add-user-again",
    "add-user-to-second-account",
    "move-account-again",
    "modify-unknown-account",
    "delete-account-again",
    "delete-unknown-user",
]


@pytest.mark.parametrize("name", NOTHING)
def test_a_change_that_had_been_made_changes_nothing(captured: Callable[[str], str], name: str) -> None:
    with pytest.raises(SlurmCommandFailed) as caught:
        judge(captured, name)
    assert caught.value.changed_nothing


@pytest.mark.parametrize("name", ["add-account", "add-user", "set-limits-again", "rollup"])
def test_success_is_success(captured: Callable[[str], str], name: str) -> None:
    assert judge(captured, name, returncode=0) == ("" if name == "rollup" else captured(f"{name}.out"))


@pytest.mark.parametrize(
    "name",
    ["delete-account-with-running-job", "delete-user-with-running-job", "door-delete-account-with-jobs"],
)
def test_jobs_in_the_way_end_some_time(captured: Callable[[str], str], name: str) -> None:
    with pytest.raises(SlurmUnavailable, match="jobs are still active, so that SLURM refuses"):
        judge(captured, name)


def test_every_error_of_the_door_survives_being_pickled() -> None:
    for error in (
        SlurmCommandFailed(ARGV, 1, "no"),
        UnexpectedSlurmOutput("x", "line", "words"),
        SlurmUnavailable("x"),
    ):
        copy: SlurmError = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert (type(copy), str(copy)) == (type(error), str(error))
