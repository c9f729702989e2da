"""The questions of a checkup, and what is read from the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from allocations.accounts import ClusterName, UserName
from allocations.errors import InvalidName
from slurm_io import checkup
from slurm_io.commands_checkup import show_admin_level, show_people
from slurm_io.errors import SlurmCommandFailed, SlurmUnavailable, UnexpectedSlurmOutput
from slurm_io.parsing_checkup import (
    parse_admin_level,
    parse_books_settings,
    parse_people,
    parse_settings,
    parse_word,
)
from slurm_io.runner import NativeRunner
from slurm_io.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATH = "/usr/bin:/bin"
HERE = NativeRunner({"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC"})


def program(folder: Path, name: str, script: str) -> None:
    """A program of this name that is found first."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def runner(folder: Path) -> NativeRunner:
    return NativeRunner({**HERE.environment, "PATH": f"{folder}:{PATH}"})


def test_settings_are_read_as_slurmctld_prints_them(captured: Callable[[str], str]) -> None:
    settings = parse_settings(captured("scontrol-config.out"), "scontrol show config")
    assert settings["SLURM_VERSION"] == "22.05.8"
    assert settings["AccountingStorageEnforce"] == "associations,limits,qos"
    assert settings["AccountingStorageTRES"].endswith("pages,gres/gpu,gres/gpu:a100")
    assert (settings["PriorityDecayHalfLife"], settings["PriorityUsageResetPeriod"]) == ("00:00:00", "YEARLY")
    assert (settings["SlurmUser"], settings["PrivateData"]) == ("root(0)", "none")


def test_slurmdbd_s_own_settings_are_told_from_its_client_s() -> None:
    text = "PrivateData = jobs\n\nSlurmDBD configuration:\nPrivateData            = none\n"
    assert parse_books_settings(text) == {"PrivateData": "none"}
    with pytest.raises(UnexpectedSlurmOutput, match="the heading 'SlurmDBD configuration:'"):
        parse_books_settings("PrivateData = jobs\n")


def test_of_a_setting_that_comes_twice_the_first_counts() -> None:
    assert parse_settings("A = 1\nB   = \nA = 2\n", "x") == {"A": "1", "B": ""}


def test_a_text_without_settings_is_refused() -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="Name = value"):
        parse_settings("Slurmctld(primary) at here is DOWN\n", "scontrol show config")


@pytest.mark.parametrize(
    ("text", "level"), [("", ""), ("ada|Operator\n", "Operator"), ("ada|None\n", "None")]
)
def test_an_admin_level_is_that_of_the_one_user(text: str, level: str) -> None:
    assert parse_admin_level(text) == level


def test_two_users_are_not_one() -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="one user"):
        parse_admin_level("ada|None\nmax|None\n")


def test_people_are_the_names_in_front() -> None:
    assert parse_people("root:x:0:0:root:/root:/bin/bash\nada:*:1:1::/:\n") == {"root", "ada"}


@pytest.mark.parametrize("text", ["", "\n", "two words\n"])
def test_one_word_is_one_word(text: str) -> None:
    assert parse_word(" +0000\n", "date") == "+0000"
    with pytest.raises(UnexpectedSlurmOutput, match="one word"):
        parse_word(text, "date")


def test_no_question_is_asked_about_nobody() -> None:
    with pytest.raises(InvalidName):
        show_people([])
    with pytest.raises(InvalidName):
        show_admin_level(UserName("a,b"))


def test_users_whom_the_operating_system_does_not_know_are_found() -> None:
    users = [UserName(name) for name in ("root", "crs_nobody_of_that_name", "NOT A NAME")]
    assert checkup.fetch_unknown_people(HERE, users) == {"crs_nobody_of_that_name"}
    assert checkup.fetch_unknown_people(HERE, users[:1]) == frozenset()
    assert checkup.fetch_unknown_people(HERE, []) == frozenset()


def test_a_getent_that_fails_otherwise_is_an_error(tmp_path: Path) -> None:
    program(tmp_path, "getent", "echo no such database >&2; exit 1")
    with pytest.raises(SlurmCommandFailed, match="no such database"):
        checkup.fetch_unknown_people(runner(tmp_path), [UserName("ada")])


def test_root_needs_no_admin_level_so_it_is_not_asked_for(tmp_path: Path) -> None:
    assert checkup.fetch_admin_level(runner(tmp_path), "root") == ""
    program(tmp_path, "sacctmgr", 'test "$4" = name=ada && echo "ada|Operator"')
    assert checkup.fetch_admin_level(runner(tmp_path), "ada") == "Operator"


def test_the_commands_keep_to_the_time_zone_that_they_are_given() -> None:
    assert checkup.fetch_offset(HERE) == "+0000"
    assert checkup.fetch_offset(NativeRunner({**HERE.environment, "TZ": "UTC-2"})) == "+0200"


def test_a_hurried_runner_waits_no_longer_than_it_may() -> None:
    with pytest.raises(SlurmUnavailable, match=r"within 0\.1 s"):
        checkup.Hurried(HERE, 0.1).run(("sleep", "9"))


ONE, TWO = "1|hpc_a|ada\n", "2|hpc_a|ada\n"
RUNAWAYS = {
    "nothing runs": ([""], "", set(), 2),
    "known to both": ([ONE], ONE, set(), 2),
    "ended meanwhile": ([ONE, ""], "", set(), 3),
    "lost": ([ONE + TWO, ONE + TWO], TWO, {"1"}, 3),
}


@pytest.mark.parametrize(("believed", "queued", "found", "questions"), RUNAWAYS.values(), ids=RUNAWAYS)
def test_a_runaway_is_believed_in_twice_and_never_queued(
    believed: list[str], queued: str, found: set[str], questions: int, tmp_path: Path
) -> None:
    """Two programs that answer as a cluster would whose jobs start and end between the questions."""
    for number, text in enumerate(believed):
        (tmp_path / f"answer{number}").write_text(text)
    (tmp_path / "queued").write_text(queued)
    asked = tmp_path / "asked"
    asked.touch()
    program(tmp_path, "sacct", f'cat {tmp_path}/answer"$(grep -c sacct {asked})"; echo sacct >> {asked}')
    program(tmp_path, "squeue", f"echo squeue >> {asked}; cat {tmp_path}/queued")
    assert checkup.fetch_runaways(Scope(runner(tmp_path), ClusterName("c"))) == found
    assert len(asked.read_text().split()) == questions
