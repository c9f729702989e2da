"""The door with programs that answer as SLURM does; test_changes_on_slurm.py has the real one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import ROOT, AccountName, UserName
from allocations.changes import AddUsers, CancelJobs, CreateAccount, DeleteAccount, SetLimits
from allocations.model import Account, ClusterState
from slurm_io.client import MANY_ACCOUNTS
from slurm_io.errors import SlurmCommandFailed, SlurmMisconfigured, SlurmUnavailable
from slurm_io.parsing_cluster import ActiveJob

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm_io.conftest import Programs

A, DEFAULT, ADA, BOB = AccountName("hpc_a"), AccountName("cloudrock"), UserName("ada"), UserName("bob")


def test_a_change_repeated_after_it_had_arrived_is_fine(programs: Programs) -> None:
    slurm = programs("echo ' Nothing new added.'; exit 1")
    slurm.apply(CreateAccount(Account(A, ROOT)))
    slurm.apply(AddUsers(A, (ADA,)))


def test_nothing_added_because_of_an_error_is_an_error(programs: Programs) -> None:
    slurm = programs("echo ' Nothing new added.'; echo \" This account 'x' doesn't exist.\" >&2; exit 1")
    with pytest.raises(SlurmCommandFailed, match="doesn't exist"):
        slurm.apply(AddUsers(A, (ADA,)))


def test_jobs_of_a_user_whom_the_host_does_not_know_any_more_are_no_obstacle(programs: Programs) -> None:
    programs("echo 'scancel: error: Invalid user name: ada' >&2; exit 1").apply(CancelJobs(A, (ADA,)))
    with pytest.raises(SlurmCommandFailed, match="invalid account"):
        programs("echo 'scancel: error: invalid account' >&2; exit 1").apply(CancelJobs(A, (ADA,)))


def test_a_change_of_nothing_starts_no_program(programs: Programs, tmp_path: Path) -> None:
    programs("exit 3").apply(SetLimits(A, {}, {}))
    assert not (tmp_path / "calls").exists()


def test_an_account_with_others_below_it_is_not_deleted(programs: Programs, tmp_path: Path) -> None:
    slurm = programs('case "$*" in *parent=hpc_a*) echo hpc_b; echo hpc_b; echo hpc_c;; esac')
    with pytest.raises(SlurmUnavailable, match=r"'hpc_a' has accounts below it now \(hpc_b, hpc_c\)"):
        slurm.apply(DeleteAccount(A))
    assert "delete" not in (tmp_path / "calls").read_text()


def test_an_account_without_others_below_it_is(programs: Programs, tmp_path: Path) -> None:
    programs('case "$*" in *"show cluster"*) echo c;; esac').apply(DeleteAccount(A))
    assert (tmp_path / "calls").read_text().splitlines()[-1] == "sacctmgr -i delete account where name=hpc_a"


def test_beside_another_cluster_it_goes_from_this_one_only(programs: Programs, tmp_path: Path) -> None:
    programs('case "$*" in *"show cluster"*) echo b; echo c;; esac').apply(DeleteAccount(A))
    last = (tmp_path / "calls").read_text().splitlines()[-1]
    assert last == "sacctmgr -i delete account where name=hpc_a cluster=c"


WHOLE = """case "$*" in
  *"show account"*) echo "root|root"; echo "cloudrock|cloudrock-slurm";;
  *onlydefaults*) echo "ada|cloudrock";;
  *"show assoc"*) echo "c|root|||||"; echo "c|cloudrock||root|||"; echo "c|cloudrock|ada||||";;
esac"""


def test_the_whole_cluster_is_read_in_three_calls(programs: Programs, tmp_path: Path) -> None:
    state = programs(WHOLE).observe_ready(DEFAULT)
    assert state.accounts[DEFAULT].ours
    assert state.default_accounts == {ADA: DEFAULT}
    assert state.users_of(DEFAULT) == {ADA}
    assert len((tmp_path / "calls").read_text().splitlines()) == 3


def test_users_wait_for_the_default_account(programs: Programs) -> None:
    with pytest.raises(
        SlurmMisconfigured, match=r"SLURM_DEFAULT_ACCOUNT: .*make it once with `sacctmgr -i add"
    ):
        programs(WHOLE).observe_ready(AccountName("another"))


def test_the_cluster_and_its_jobs_are_read_through_the_runner(programs: Programs) -> None:
    job = "a|u|cpu=1|5|1769904100|1769904105|DONE|1|00:00:00"
    slurm = programs(f'case "$0" in *sacct) echo "{job}";; *) echo "c|root|||||";; esac')
    assert slurm.observe() == ClusterState({ROOT: Account(ROOT, None)})
    assert len(slurm.fetch_jobs(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC))) == 1


def test_active_jobs_are_those_of_either_daemon(programs: Programs, tmp_path: Path) -> None:
    slurm = programs('echo "1|hpc_a|ada"; case "$0" in *squeue) echo "2|hpc_a|bob";; esac')
    assert slurm.fetch_active_jobs([A]) == {ActiveJob("1", A, ADA), ActiveJob("2", A, BOB)}
    (tmp_path / "calls").unlink()
    assert slurm.fetch_active_jobs([]) == frozenset()
    assert not (tmp_path / "calls").exists(), "a question about no account would be about everybody"


@pytest.mark.parametrize(("number", "named"), [(MANY_ACCOUNTS, True), (MANY_ACCOUNTS + 1, False)])
def test_very_many_accounts_are_not_named_and_only_their_jobs_are_told_of(
    programs: Programs, tmp_path: Path, number: int, *, named: bool
) -> None:
    slurm = programs('echo "1|hpc_0|ada"; case "$0" in *sacct) echo "2|hpc_1|bob"; echo "3|other|bob";; esac')
    accounts = [AccountName(f"hpc_{n}") for n in range(number)]
    mine = {ActiveJob("1", AccountName("hpc_0"), ADA), ActiveJob("2", AccountName("hpc_1"), BOB)}
    assert slurm.fetch_active_jobs(accounts) == mine
    assert slurm.fetch_runaways(accounts) == {ActiveJob("2", AccountName("hpc_1"), BOB)}
    asked = (tmp_path / "calls").read_text().splitlines()
    assert {"--accounts=" in line for line in asked} == {named}


@pytest.mark.parametrize(
    ("believed", "queued", "again", "runaways"),
    [
        ("1|hpc_a|ada;2|hpc_a|bob", "1|hpc_a|ada", "2|hpc_a|bob", {"2"}),
        ("1|hpc_a|ada", "1|hpc_a|ada", "1|hpc_a|ada", set()),
        ("1|hpc_a|ada", "", "", set()),  # it ended between the questions
        ("", "3|hpc_a|ada", "3|hpc_a|ada", set()),  # it began between them
    ],
)
def test_a_job_that_slurmctld_does_not_know_runs_away(
    programs: Programs, tmp_path: Path, believed: str, queued: str, again: str, runaways: set[str]
) -> None:
    later = tmp_path / "later"
    slurm = programs(
        f'case "$0" in *squeue) echo "{queued}"; touch {later};; '
        f'*) if [ -e {later} ]; then echo "{again}"; else echo "{believed}"; fi;; esac'
        " | tr ';' '\n' | grep . || true"
    )
    assert {job.job_id for job in slurm.fetch_runaways([A])} == runaways
    assert slurm.fetch_runaways([]) == frozenset()


def test_homes_are_made_for_each_and_one_failure_is_no_others_trouble(
    programs: Programs, tmp_path: Path
) -> None:
    slurm = programs("case $1 in ada) echo 'no space left' >&2; exit 1;; esac")
    (problem,) = slurm.make_homes([ADA, BOB], "0077")
    assert problem.startswith("no home directory for ada: ")
    assert "no space left" in problem
    assert (tmp_path / "calls").read_text().splitlines()[-1] == "mkhomedir_helper bob 0077"
