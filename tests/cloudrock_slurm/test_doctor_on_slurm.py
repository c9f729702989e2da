"""`cloudrock-slurm doctor` on a real cluster: healthy, and ill by an administrator's hand."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.breaker_file import BreakerFile
from flows.examining import close_breaker
from sandbox.slurm import PastJob
from slurm_io.breaker import Answer, Breaker, Protection, after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.cloudrock import Marketplace
    from sandbox.slurm import Cluster

pytestmark = pytest.mark.slurm

GHOST = "crd_ghost"
ACCOUNT = "crd_doctor"


@pytest.fixture(autouse=True)
def on_cluster(cluster: Cluster, patient: Marketplace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)


def of_slurm(findings: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {check: one["level"] for check, one in findings.items() if one["area"] == "SLURM"}


@contextmanager
def configured(cluster: Cluster, **settings: str) -> Iterator[None]:
    """slurmctld with other settings, as after an edit of slurm.conf and `scontrol reconfigure`."""
    file = cluster.places.slurm_conf
    before = file.read_text()
    text = before
    for name, value in settings.items():
        text, times = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert times == 1
    try:
        file.write_text(text)
        cluster.run("scontrol", "reconfigure")
        yield
    finally:
        file.write_text(before)
        cluster.run("scontrol", "reconfigure")


def test_a_healthy_cluster_is_ok_from_all_sides(doctor: Any) -> None:
    findings = doctor()
    levels = of_slurm(findings)
    del levels["users"]  # other tests share the cluster and leave users without an OS user
    assert set(levels.values()) == {"OK"}, findings
    assert len(levels) == 16
    assert findings["version"]["found"].startswith("22.05")
    assert findings["slurmdbd"]["found"].startswith("answers: 22.05")
    assert findings["PurgeJobAfter"]["found"] == "job records are kept for ever"


def test_a_slurmdbd_that_is_left_alone_is_not_asked_and_a_reset_asks_it_at_once(doctor: Any) -> None:
    doctor()
    file = BreakerFile(Path(".cloudrock-slurm/slurmdbd"), pytest.fail)
    slow = Answer(asked=datetime.now(UTC), seconds=30, command=("sacct",), failed=True)
    file.change(lambda _: after(Breaker(), slow, Protection()))
    findings = doctor()
    assert (findings["slurmdbd's pace"]["level"], findings["slurmdbd"]["level"]) == ("warning", "warning")
    assert "the next try is at" in findings["slurmdbd's pace"]["found"]
    assert findings["slurmdbd"]["found"].startswith("not looked at: slurmdbd has been slow since")
    levels = of_slurm(findings)
    assert {levels[check] for check in ("slurmctld", "version", "commands", "time zone")} == {"OK"}
    assert close_breaker().startswith("slurmdbd has been slow since")
    assert of_slurm(doctor())["slurmdbd"] == "OK"


def test_settings_of_slurmctld_that_let_limits_slip_are_found(doctor: Any, cluster: Cluster) -> None:
    ill = {
        "AccountingStorageEnforce": "associations,qos",
        "PriorityDecayHalfLife": "7-0",
        "PriorityUsageResetPeriod": "MONTHLY",
    }
    with configured(cluster, **ill):
        levels = of_slurm(doctor())
    assert {check: levels[check] for check in ill} == {
        "AccountingStorageEnforce": "error",
        "PriorityDecayHalfLife": "warning",
        "PriorityUsageResetPeriod": "warning",
    }
    assert set(of_slurm(doctor()).values()) <= {"OK", "warning"}


def test_a_default_account_that_is_not_there_comes_with_the_command_that_makes_it(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_DEFAULT_ACCOUNT", "hpc_nowhere")
    found = doctor()["default account"]
    mend = "sacctmgr -i add account name=hpc_nowhere cluster=sandbox"
    assert (found["level"], found["mend"]) == ("error", mend)


def test_a_component_that_the_cluster_does_not_track_is_an_error(doctor: Any, tmp_path: Path) -> None:
    file = tmp_path / "config-components.yaml"
    file.write_text(file.read_text().replace("gres/gpu:", "gres/fpga:"))
    found = doctor()["AccountingStorageTRES"]
    assert (found["level"], found["found"].partition(" not")[0]) == ("error", "gres/fpga")


def test_a_slurmdbd_that_nobody_finds_hides_nothing_of_slurmctld(
    doctor: Any, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The clients' slurm.conf names a port where nobody listens."""
    text = cluster.places.slurm_conf.read_text()
    conf = tmp_path / "slurm.conf"
    conf.write_text(
        re.sub(r"^AccountingStoragePort=.*$", "AccountingStoragePort=9", text, flags=re.MULTILINE)
    )
    monkeypatch.setenv("SLURM_CONF", str(conf))
    findings = doctor()
    levels = of_slurm(findings)
    assert levels["slurmdbd"] == "error"
    assert "Connection refused" in findings["slurmdbd"]["found"]
    waiting = {
        "AdminLevel",
        "PrivateData",
        "PurgeJobAfter",
        "PurgeUsageAfter",
        "default account",
        "users",
        "runaway jobs",
    }
    assert {check for check, level in levels.items() if level == "warning"} == waiting
    assert {level for check, level in levels.items() if check not in {*waiting, "slurmdbd"}} == {"OK"}


def test_runaway_jobs_and_users_without_an_os_user_are_named(doctor: Any, cluster: Cluster) -> None:
    cluster.run("sacctmgr", "-i", "add", "account", ACCOUNT)
    cluster.run("sacctmgr", "-i", "add", "user", GHOST, f"account={ACCOUNT}")
    start = datetime.now(UTC) - timedelta(hours=2)
    job = PastJob(ACCOUNT, GHOST, start, None, {"cpu": 1}, state="RUNNING", job_id=19999999)
    cluster.insert_jobs([job])
    try:
        findings = doctor()
        assert findings["runaway jobs"]["found"] == "1: 19999999"
        assert findings["runaway jobs"]["level"] == findings["users"]["level"] == "warning"
        assert cluster.run("sacct", "-nPXa", "--state=RUNNING", "--format=jobidraw").split() == ["19999999"]
    finally:
        cluster.sql("DELETE FROM sandbox_job_table WHERE id_job = 19999999")
        cluster.run("sacctmgr", "-i", "delete", "account", ACCOUNT)
    assert doctor()["runaway jobs"]["level"] == "OK"
