"""The runners' judgement of what SLURM 22.05 really said."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from slurm_io.errors import (
    SlurmCommandFailed,
    SlurmError,
    SlurmMisconfigured,
    SlurmUnavailable,
    UnexpectedSlurmOutput,
)
from slurm_io.runner import judged

if TYPE_CHECKING:
    from collections.abc import Callable

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
        *(f"slurmdbd-hung-{how}" for how in ("show-assoc", "add-account", "sacct", "sreport")),
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
