"""Both runners, with real small programs: on this host, and in a container of a real Docker engine."""

from __future__ import annotations

import os
import pickle
import signal
import time
from typing import TYPE_CHECKING

import pytest

from slurm_io import runner as runner_module
from slurm_io.client import SLURM_ENVIRONMENT
from slurm_io.errors import SlurmCommandFailed, SlurmMisconfigured, SlurmUnavailable, UnexpectedSlurmOutput
from slurm_io.runner import LARGEST_STDERR, NativeRunner
from tests.slurm_io.sleeping import ended, lasting, sleepers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from slurm_io.runner import Runner
    from tests.slurm_io.conftest import MakeRunner

__all__ = ["lasting"]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", **SLURM_ENVIRONMENT}
OF_A_CONTAINER = {"HOME", "HOSTNAME", "CLOUDROCK_CALL", "CLOUDROCK_SANDBOX_SERVICES"}


@pytest.fixture
def runner(make_runner: MakeRunner) -> Runner:
    return make_runner(ENVIRONMENT)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """A shell script as an executable file."""

    def write(body: str, *, mode: int = 0o755, first: str = "#!/bin/sh\n") -> str:
        path = tmp_path / "program"
        path.write_text(first + body)
        path.chmod(mode)
        return str(path)

    return write


def test_what_a_command_prints_comes_back_whole(runner: Runner, program: Callable[[str], str]) -> None:
    script = program("printf 'a|b\\n%s|c\\n' \"$1\"")
    assert runner.run((script, "x y;$(id)")) == "a|b\nx y;$(id)|c\n"


def test_two_full_pipes_do_not_block_each_other(runner: Runner, program: Callable[[str], str]) -> None:
    script = program("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero | tr '\\0' a")
    assert runner.run((script,), timeout=20) == "a" * 3_000_000


def test_bytes_that_are_no_text_stay_visible(runner: Runner, program: Callable[[str], str]) -> None:
    assert runner.run((program("printf '\\377\\303\\251'"),)) == "\\xffé"


def test_a_command_gets_the_given_environment_and_none_of_our_secrets(
    runner: Runner, runs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", "secret")
    printed = dict(line.split("=", 1) for line in runner.run(("env",)).splitlines())
    own = OF_A_CONTAINER if runs == "docker" else set()
    assert {name: value for name, value in printed.items() if name not in own} == ENVIRONMENT


def test_a_command_that_asks_finds_nobody(runner: Runner, program: Callable[[str], str]) -> None:
    assert runner.run((program("read answer || echo nobody"),), timeout=10) == "nobody\n"


def test_a_command_past_its_time_ends_with_all_its_children(
    runner: Runner, program: Callable[[str], str], lasting: str
) -> None:
    script = program(f"sleep {lasting} & sleep {lasting}")
    begun = time.monotonic()
    with pytest.raises(SlurmUnavailable, match=r"did not end within 1 s and was stopped"):
        runner.run((script,), timeout=1)
    assert time.monotonic() - begun < 5
    assert ended(lasting)


def test_a_silent_command_that_closed_its_pipes_is_stopped_in_time_too(
    runner: Runner, program: Callable[[str], str], lasting: str
) -> None:
    with pytest.raises(SlurmUnavailable, match="did not end within 1 s"):
        runner.run((program(f"exec >&- 2>&-; sleep {lasting}"),), timeout=1)
    assert ended(lasting)


def test_no_time_is_slept_away_between_the_end_of_the_output_and_of_the_command(
    program: Callable[[str], str],
) -> None:
    path = program("exec >&- 2>&-; sleep 0.01")
    began = time.monotonic()
    for _ in range(10):
        NativeRunner({"PATH": os.environ["PATH"]}).run((path,))
    assert time.monotonic() - began < 10 * runner_module.GLANCE


@pytest.mark.parametrize("detach", ["", "setsid"])
def test_a_child_that_holds_the_output_open_cannot_hold_the_run(
    runner: Runner,
    runs: str,
    program: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    lasting: str,
    detach: str,
) -> None:
    monkeypatch.setattr(runner_module, "LINGER", 0.5)
    script = program(f"{detach} sleep {lasting} & echo done")
    begun = time.monotonic()
    assert runner.run((script,), timeout=20) == "done\n"
    assert time.monotonic() - begun < 9
    if detach and runs == "native":
        for pid in sleepers(lasting):
            os.kill(pid, signal.SIGKILL)
    assert ended(lasting)


def test_a_command_that_prints_without_end_is_stopped(
    runner: Runner, program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "LARGEST_OUTPUT", 5_000_000)
    with pytest.raises(UnexpectedSlurmOutput, match="expected an end of its output, found 'Commit changes"):
        runner.run((program("yes 'Commit changes? (y/N)'"),), timeout=60)


def test_many_errors_are_read_and_mostly_dropped(
    runner: Runner, runs: str, program: Callable[[str], str]
) -> None:
    size = {"native": 1_000_000_000, "docker": 100_000_000}[runs]
    script = program(f"echo 'no such thing' >&2; head -c {size} /dev/zero >&2; exit 1")
    with pytest.raises(SlurmCommandFailed, match="refused") as caught:
        runner.run((script,), timeout=60)
    assert len(caught.value.words) <= LARGEST_STDERR
    assert len(str(caught.value)) < 1000


def test_a_command_that_fails_says_how(runner: Runner, program: Callable[[str], str]) -> None:
    script = program("echo 'no such account' >&2; exit 3")
    with pytest.raises(SlurmCommandFailed, match=r"was refused \(exit 3\): no such account") as caught:
        runner.run((script, "x"))
    assert (caught.value.argv, caught.value.returncode) == ((script, "x"), 3)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


def test_an_error_with_exit_0_is_an_error(runner: Runner, program: Callable[[str], str]) -> None:
    with pytest.raises(SlurmCommandFailed):
        runner.run((program("echo 'sacct: error: slurmdb thing' >&2; echo a"),))


def test_a_remark_with_exit_0_is_none(runner: Runner, program: Callable[[str], str]) -> None:
    assert runner.run((program("echo 'note: all well' >&2; echo a"),)) == "a\n"


def test_a_command_that_was_killed_is_a_failure(runner: Runner, runs: str, program) -> None:
    code = {"native": "-9", "docker": "137"}[runs]
    with pytest.raises(SlurmCommandFailed, match=f"exit {code}"):
        runner.run((program("echo half; kill -9 $$"),))


def test_a_command_that_is_not_there_is_a_misconfiguration(runner: Runner) -> None:
    with pytest.raises(
        SlurmMisconfigured,
        match=r"'sacctmgr-of-nowhere' cannot be run (here|in the container) .*install SLURM's",
    ):
        runner.run(("sacctmgr-of-nowhere", "-nP"))


@pytest.mark.parametrize(("mode", "first"), [(0o644, "#!/bin/sh\n"), (0o755, "#!/nowhere\n")])
def test_a_file_that_cannot_be_run_is_a_misconfiguration(
    runner: Runner, program: Callable[..., str], mode: int, first: str
) -> None:
    with pytest.raises(SlurmMisconfigured, match="cannot be run"):
        runner.run((program("echo a", mode=mode, first=first),))


def test_a_file_that_is_no_program_is_never_taken_for_an_answer(
    runner: Runner, runs: str, program: Callable[..., str]
) -> None:
    # `timeout` hands it to a shell, as execvp does, and the shell refuses it
    error = {"native": SlurmMisconfigured, "docker": SlurmCommandFailed}[runs]
    with pytest.raises(error):
        runner.run((program("", first="\0\1\2"),))


def test_a_runner_survives_being_pickled(runner: Runner, program: Callable[[str], str]) -> None:
    copy: Runner = pickle.loads(pickle.dumps(runner))  # noqa: S301 - our own bytes
    assert copy.run((program("echo a"),)) == "a\n"
