"""Which cluster is ours, where slurmdbd has one, several, or not ours; programs answer as SLURM does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from allocations.accounts import ROOT, AccountName, ClusterName
from allocations.model import Account, ClusterState
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.errors import SlurmMisconfigured, SlurmUnavailable, UnexpectedSlurmOutput
from slurm_io.parsing_cluster import clusters_of, parse_associations, with_organizations
from slurm_io.runner import NativeRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Door = Callable[..., Slurm]

C = ClusterName("c")
ROWS = "case $* in *cluster=b*) {b};; *cluster=c*) {c};; *cluster=*) ;; *) {b}; {c};; esac".format(
    b="echo 'b|root|||||'; echo 'b|hpc_b||root|||'", c="echo 'c|root|||||'; echo 'c|hpc_c||root|||'"
)
SEVERAL = f"case $* in *show\\ cluster*) echo b; echo c;; *show\\ assoc*) {ROWS};; esac"
CALLED_C = "echo 'ClusterName             = C'"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    def opened(sacctmgr: str, scontrol: str = "exit 3", named: ClusterName | None = None) -> Slurm:
        for name, body in (("sacctmgr", sacctmgr), ("scontrol", scontrol)):
            path = tmp_path / name
            path.write_text(f'#!/bin/sh\necho "${{0##*/}} $*" >> {tmp_path}/calls\n{body}\n')
            path.chmod(0o755)
        return Slurm(NativeRunner({**SLURM_ENVIRONMENT, "PATH": f"{tmp_path}:/usr/bin:/bin"}), named)

    return opened


def calls(folder: Path) -> list[str]:
    return [line.split(" format=")[0] for line in (folder / "calls").read_text().splitlines()]


def test_the_only_cluster_is_ours_and_one_read_tells_both_its_name_and_its_accounts(
    door: Door, tmp_path: Path
) -> None:
    slurm = door("echo 'c|root|||||'")
    assert slurm.known is None
    assert set(slurm.observe().accounts) == {"root"}
    assert (slurm.known, slurm.cluster) == (C, C)
    slurm.observe()
    assert calls(tmp_path) == ["sacctmgr -nP show assoc", "sacctmgr -nP show assoc cluster=c"]


def test_of_several_that_of_slurm_conf_is_ours_and_slurmctld_is_asked_once(
    door: Door, tmp_path: Path
) -> None:
    slurm = door(SEVERAL, CALLED_C)
    assert set(slurm.observe().accounts) == {"root", "hpc_c"}
    assert slurm.target == slurm.target_for_deleting
    assert [line for line in calls(tmp_path) if "scontrol" in line] == ["scontrol show config"]
    assert not slurm.target.alone
    assert not slurm.target.elsewhere


def test_the_setting_s_cluster_is_ours_and_nobody_is_asked(door: Door, tmp_path: Path) -> None:
    slurm = door(SEVERAL, CALLED_C, ClusterName("b"))
    assert set(slurm.observe().accounts) == {"root", "hpc_b"}
    assert calls(tmp_path) == ["sacctmgr -nP show assoc cluster=b"]
    assert slurm.target.elsewhere
    assert slurm.fetch_cluster_name() == "b"


def test_a_cluster_that_slurmdbd_does_not_know_is_refused_and_never_taken_for_an_empty_one(
    door: Door,
) -> None:
    slurm = door(SEVERAL, CALLED_C, ClusterName("d"))
    for ask in (slurm.observe, slurm.fetch_cluster_name):
        with pytest.raises(
            SlurmMisconfigured, match=r"SLURM_CLUSTER: slurmdbd knows no cluster 'd': .* b, c"
        ):
            ask()


def test_slurm_conf_may_name_a_cluster_that_slurmdbd_does_not_know(door: Door) -> None:
    slurm = door(SEVERAL, "echo 'ClusterName = new'")
    with pytest.raises(SlurmMisconfigured, match=r"calls this cluster 'new'.* `sacctmgr add cluster new`"):
        slurm.observe()


def test_without_slurmctld_and_the_setting_nobody_knows_which_of_several_is_ours(door: Door) -> None:
    silent = "echo 'slurm_load_ctl_conf error: Unable to contact slurm controller' >&2; exit 1"
    with pytest.raises(SlurmUnavailable, match=r"several clusters \(b, c\).* unless SLURM_CLUSTER names it"):
        door(SEVERAL, silent).observe()


def test_associations_of_another_cluster_than_the_one_asked_for_are_no_answer(door: Door) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="expected those of c alone, found 'b'"):
        door("echo 'b|root|||||'", named=C).observe()


def test_a_known_cluster_without_associations_is_no_answer(door: Door) -> None:
    slurm = door("case $* in *show\\ cluster*) echo c;; esac", named=C)
    with pytest.raises(UnexpectedSlurmOutput, match="associations of a cluster"):
        slurm.observe()


BARE = ClusterState({ROOT: Account(ROOT, None), AccountName("hpc_a"): Account(AccountName("hpc_a"), ROOT)})


def test_rows_of_other_clusters_are_passed_over() -> None:
    text = (
        "beside|root|||||\nbeside|hpc_b||root|cpu=1|0|\nbeside|hpc_a|ada||||\nc|root|||||\nc|hpc_a||root|||\n"
    )
    assert clusters_of(text) == ("beside", "c")
    assert parse_associations(text, C) == BARE


def test_an_account_that_drains_on_another_cluster_does_not_drain_here() -> None:
    told = with_organizations(BARE, "hpc_a|cloudrock-slurm-draining\n").accounts[AccountName("hpc_a")]
    assert (told.ours, told.draining) == (True, False)


def test_an_account_that_only_another_cluster_has_is_not_of_this_one() -> None:
    told = with_organizations(BARE, "elsewhere|cloudrock-slurm\nhpc_a|cloudrock-slurm\n")
    assert set(told.accounts) == set(BARE.accounts)
    assert told.accounts[AccountName("hpc_a")].ours
    assert not told.accounts[ROOT].ours, "slurmdbd said nothing of it"


@pytest.mark.parametrize("text", ["", "|root|||||\n", "c|root|||||\n|hpc_a|||||\n"])
def test_every_row_is_of_a_cluster(text: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="associations of a cluster, in every row"):
        clusters_of(text)
