from __future__ import annotations

import grp
import os
import pwd
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sandbox.slurm import Cluster, SandboxError
from sandbox.slurm.daemons import NAMES, RELAY
from tests.own_folder import person as os_user

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slurm


@pytest.fixture
def person(cluster: Cluster) -> str:
    """A throw-away user when the tests run as root, else whoever runs them."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    name = os_user("tester")
    cluster.add_people(name)
    return name


@pytest.fixture
def team(cluster: Cluster, person: str) -> Iterator[str]:
    """An account with one real person in it."""
    cluster.run("sacctmgr", "-i", "add", "account", "crs_team")
    cluster.run("sacctmgr", "-i", "add", "user", person, "account=crs_team")
    yield "crs_team"
    cluster.run("sacctmgr", "-i", "delete", "account", "where", "name=crs_team")


def test_all_daemons_of_the_cluster_run(cluster: Cluster) -> None:
    assert cluster.is_running()
    assert set(cluster.running_daemons()) == {*NAMES, RELAY}


def test_the_daemons_listen_on_loopback_only(cluster: Cluster) -> None:
    pids = set(map(str, cluster.running_daemons().values()))
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in listening.splitlines() if pids & set(re.findall(r"pid=(\d+)", line))]
    assert cluster.ports is not None
    ports = {cluster.ports.slurmdbd, cluster.ports.slurmctld, cluster.ports.relay, *cluster.ports.slurmd}
    assert {line.split()[3] for line in ours} == {f"127.0.0.1:{port}" for port in ports}


def test_a_fresh_cluster_has_two_idle_nodes_with_gpus(cluster: Cluster) -> None:
    lines = cluster.run("sinfo", "-h", "-N", "-o", "%N %c %m %G").splitlines()
    assert lines == ["n1 64 512000 gpu:a100:8", "n2 64 512000 gpu:a100:8"]


def test_the_default_account_is_there(cluster: Cluster) -> None:
    text = cluster.run("sacctmgr", "-nP", "show", "account", "cloudrock", "format=account,organization")
    assert text == "cloudrock|cloudrock\n"


def test_a_job_runs_as_a_throw_away_user_with_gpus(cluster: Cluster, team: str, person: str) -> None:
    job = cluster.submit(user=person, account=team, seconds=1, cpus=4, gpus=2)
    assert cluster.wait_for_job(job) == "COMPLETED"
    row = cluster.run("sacct", "-nPX", "--allusers", "-j", str(job), "-o", "user,account,alloctres").strip()
    assert row == f"{person}|crs_team|billing=4,cpu=4,gres/gpu:a100=2,gres/gpu=2,mem=4000M,node=1"


def test_a_job_can_be_suspended_and_requeued(cluster: Cluster, team: str, person: str) -> None:
    job = cluster.submit(user=person, account=team, seconds=60)
    cluster.wait_for_job(job, states={"RUNNING"})
    cluster.run("scontrol", "suspend", str(job))
    assert cluster.run("squeue", "-h", "-j", str(job), "-o", "%T") == "SUSPENDED\n"
    cluster.run("scontrol", "resume", str(job))
    cluster.run("scontrol", "requeue", str(job))
    cluster.wait_for_job(job, states={"REQUEUED"})
    cluster.wait_for_job(job, states={"RUNNING"})
    cluster.run("scancel", str(job))
    assert cluster.wait_for_job(job) == "CANCELLED"
    states = cluster.run("sacct", "-nPXD", "--allusers", "-j", str(job), "-o", "state").split()
    assert states == ["REQUEUED", "CANCELLED", "by", str(os.geteuid())]


def test_a_limit_holds_a_job_back(cluster: Cluster, team: str, person: str) -> None:
    cluster.run("sacctmgr", "-i", "modify", "account", "where", f"name={team}", "set", "GrpTRESMins=cpu=0")
    job = cluster.submit(user=person, account=team, seconds=600, cpus=2)
    with pytest.raises(SandboxError, match=r"PENDING \(AssocGrpCPUMinutesLimit\) after 5 s"):
        cluster.wait_for_job(job, seconds=5)
    cluster.run("scancel", str(job))
    cluster.wait_for_job(job)


def test_waiting_in_vain_says_for_what(cluster: Cluster) -> None:
    with pytest.raises(SandboxError, match="job 999999 is unknown"):
        cluster.wait_for_job(999999, seconds=0)


def test_a_command_that_fails_is_an_error_with_what_it_said(cluster: Cluster) -> None:
    with pytest.raises(SandboxError, match="Invalid account"):
        cluster.run("sbatch", "-A", "nowhere", "--wrap", "true")


def test_sql_that_fails_is_an_error_with_what_the_database_said(cluster: Cluster) -> None:
    with pytest.raises(SandboxError, match="doesn't exist"):
        cluster.sql("SELECT * FROM nowhere")


def test_only_root_makes_throw_away_users_and_no_group_with_them(cluster: Cluster) -> None:
    name = os_user("lonely")
    if os.geteuid() != 0:
        with pytest.raises(SandboxError, match="only root can make OS users"):
            cluster.add_people(name)
        return
    cluster.add_people(name)
    assert name in {entry.pw_name for entry in pwd.getpwall()}
    assert name not in {group.gr_name for group in grp.getgrall()}


@pytest.mark.parametrize("name", ["daemon", "root"])
def test_a_user_of_the_machine_is_not_taken_over(cluster: Cluster, name: str) -> None:
    before = pwd.getpwnam(name)
    with pytest.raises(SandboxError, match=rf"the OS user {name} exists|only root can make OS users"):
        cluster.add_people(name)
    assert pwd.getpwnam(name) == before


@pytest.mark.parametrize("name", ["", "Ada", "-r", "a b", "a:b", "x" * 33])
def test_a_name_that_is_no_user_name_is_refused(cluster: Cluster, name: str) -> None:
    with pytest.raises(SandboxError, match=r"cannot be an OS user|only root can make OS users"):
        cluster.add_people(name)


def test_a_job_for_nobody_is_refused(cluster: Cluster) -> None:
    with pytest.raises(SandboxError, match="no OS user crs_nobody"):
        cluster.submit(user="crs_nobody", account="cloudrock")


def test_a_second_start_by_somebody_else_is_refused(cluster: Cluster) -> None:
    command = [sys.executable, "-m", "sandbox.slurm", "start", "--folder"]
    done = subprocess.run([*command, str(cluster.folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is running: use it, or stop it with" in done.stderr
    assert cluster.is_running()
