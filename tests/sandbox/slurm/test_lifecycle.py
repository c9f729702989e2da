from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.slurm import Cluster, bringup
from sandbox.slurm.errors import PortTaken
from sandbox.slurm.places import key_of
from sandbox.slurm.processes import all_of, read_entry
from tests import waiting
from tests.own_folder import person

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slurm
until = partial(waiting.until, seconds=30)
ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "sandbox.slurm")
DYING_STARTER = """
import os, signal, sys
from pathlib import Path
from sandbox.slurm import Cluster, bringup
from sandbox.slurm.errors import PortTaken
cluster = Cluster(Path(sys.argv[1]))
cluster.start()
if os.geteuid() == 0:
    cluster.add_people(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Cluster]:
    """A second cluster that has never run, in a folder that no other user may pass."""
    tmp_path.chmod(0o700)
    second = Cluster(tmp_path / "second")
    yield second
    second.stop()


@pytest.fixture
def other(cluster: Cluster, bare: Cluster) -> Cluster:
    """The same, and its empty database is there already: making one takes seconds."""
    bare.folder.mkdir()
    bare.places.template.symlink_to(cluster.places.template)
    return bare


def leftovers(cluster: Cluster) -> list[object]:
    """Processes, OS users and run-time folders."""
    people = [entry.pw_name for entry in pwd.getpwall() if key_of(cluster.folder) in entry.pw_gecos]
    folders = [str(cluster.places.run)] if cluster.places.run.exists() else []
    return [*all_of(cluster.places), *people, *folders]


def test_two_clusters_run_side_by_side_and_stop_alone(cluster: Cluster, other: Cluster) -> None:
    other.start()
    assert other.is_running()
    assert other.ports != cluster.ports
    other.run("sacctmgr", "-i", "add", "account", "crs_only_here")
    assert "crs_only_here" not in cluster.run("sacctmgr", "-nP", "show", "account")
    run = other.places.run
    assert not run.is_relative_to(other.folder)
    other.stop()
    assert not run.exists()
    assert leftovers(other) == []
    assert cluster.is_running()


def test_the_database_s_temporary_files_survive_the_start_of_another_cluster(
    cluster: Cluster, other: Cluster
) -> None:
    (folder,) = cluster.sql("SELECT @@tmpdir")[0]
    kept = Path(folder) / "#sql-of-a-running-query"
    kept.touch()
    other.start()
    assert kept.exists()
    kept.unlink()


def test_stop_is_done_when_nothing_runs(other: Cluster) -> None:
    other.stop()
    other.stop()
    assert not other.is_running()


def test_a_start_takes_less_than_twenty_seconds(bare: Cluster) -> None:
    began = time.monotonic()
    bare.start()
    assert time.monotonic() - began < 20


def test_a_second_start_by_the_same_process_is_a_fresh_cluster(other: Cluster) -> None:
    other.start()
    before = other.running_daemons()
    other.run("sacctmgr", "-i", "add", "account", "crs_old")
    other.start()
    assert not set(before.values()) & set(other.running_daemons().values())
    assert "crs_old" not in other.run("sacctmgr", "-nP", "show", "account")


def test_the_leftovers_of_a_crash_are_replaced_by_the_next_start(other: Cluster) -> None:
    died = subprocess.run(
        [sys.executable, "-c", DYING_STARTER, str(other.folder), person("left")], cwd=ROOT, check=False
    )
    assert died.returncode == -signal.SIGKILL
    orphans = set(other.running_daemons().values())
    assert other.is_running()
    other.start()
    assert not orphans & set(other.running_daemons().values())
    other.stop()
    assert leftovers(other) == []


def test_stop_finds_a_crashed_cluster_whose_record_is_lost(other: Cluster) -> None:
    subprocess.run(
        [sys.executable, "-c", DYING_STARTER, str(other.folder), person("left")], cwd=ROOT, check=False
    )
    (other.folder / "state.json").write_text("{")
    other.stop()
    assert leftovers(other) == []


def test_stop_ends_jobs_and_what_they_started(other: Cluster) -> None:
    other.start()
    user = pwd.getpwuid(os.geteuid()).pw_name
    other.run("sacctmgr", "-i", "add", "user", user, "account=cloudrock")
    mark = other.folder / "job.pid"
    script = f"setsid sh -c 'echo $$ > {mark}; exec sleep 300' & sleep 300"
    other.run("sbatch", "-A", "cloudrock", "-D", "/", "-o", "/dev/null", "--wrap", script)
    until(lambda: mark.exists() and mark.read_text().strip(), "the mark")
    os.kill(other.running_daemons()["slurmctld"], signal.SIGKILL)
    other.stop()
    assert read_entry(int(mark.read_text())) is None
    assert leftovers(other) == []


def test_stop_leaves_foreign_processes_that_look_at_the_cluster(other: Cluster) -> None:
    other.start()
    log = other.folder / "logs" / "slurmctld.log"
    environment = {**os.environ, **other.environment}
    with subprocess.Popen(["tail", "-f", str(log)], stdout=subprocess.DEVNULL, env=environment) as watcher:
        other.stop()
        assert watcher.poll() is None
        watcher.kill()


@pytest.mark.parametrize("daemon", ["", "munged", "mariadbd", "slurmdbd", "slurmctld"])
def test_ctrl_c_while_starting_leaves_nothing(other: Cluster, daemon: str) -> None:
    with subprocess.Popen([*COMMAND, "start", "--folder", str(other.folder)], cwd=ROOT) as starter:
        until((other.folder / "lock").exists, "the lock")
        until(lambda: daemon in {"", *other.running_daemons()}, daemon)
        starter.send_signal(signal.SIGINT)
        assert starter.wait(30) == 130
    assert leftovers(other) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_foreground_run_stops_its_cluster_when_it_is_stopped(other: Cluster, number: int) -> None:
    command = [*COMMAND, "run", "--folder", str(other.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline().startswith("export SLURM_CONF=")
        runner.send_signal(number)
        runner.send_signal(signal.SIGINT)
        assert runner.wait(30) == 130
    assert leftovers(other) == []


def test_another_process_sees_and_stops_a_cluster_that_stays(other: Cluster) -> None:
    folder = ("--folder", str(other.folder))
    subprocess.run([*COMMAND, "start", *folder], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    seen = subprocess.run([*COMMAND, "status", *folder], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"export SLURM_CONF={other.places.slurm_conf}" in seen.stdout.splitlines()
    subprocess.run([*COMMAND, "stop", *folder], cwd=ROOT, check=True)
    done = subprocess.run([*COMMAND, "status", *folder], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == 3
    assert leftovers(other) == []


def test_a_daemon_that_cannot_start_is_named_with_its_log(other: Cluster, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "mariadbd").write_text("#!/bin/sh\necho the disk is on fire\nexit 1\n")
    (broken / "mariadbd").chmod(0o755)
    environment = {**os.environ, "PATH": f"{broken}:{os.environ['PATH']}"}
    command = [*COMMAND, "start", "--folder", str(other.folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "mariadbd ended while starting" in done.stderr
    assert "the disk is on fire" in done.stderr
    assert leftovers(other) == []


def test_a_folder_that_is_a_file_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [*COMMAND, "start", "--folder", str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be used (File exists)" in done.stderr


@pytest.fixture
def somebody(cluster: Cluster) -> pwd.struct_passwd:
    """An ordinary user with a home: a throw-away one under root, else whoever runs the tests."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    cluster.add_people(person("somebody"))
    return pwd.getpwnam(person("somebody"))


ORDINARY = """
import pwd, os
from pathlib import Path
from sandbox.slurm import Cluster, bringup
from sandbox.slurm.errors import PortTaken
me = pwd.getpwuid(os.geteuid()).pw_name
with Cluster(Path("cluster")) as cluster:
    cluster.run("sacctmgr", "-i", "add", "user", me, "account=cloudrock")
    job = cluster.submit(user=me, account="cloudrock", seconds=0, gpus=2)
    print(cluster.wait_for_job(job), cluster.is_running())
    ports = [cluster.ports.slurmdbd, cluster.ports.slurmctld, *cluster.ports.slurmd]
    listening = [line.split()[3] for line in cluster.run("ss", "-Hltn").splitlines()]
    print([address for port in ports for address in listening if address.endswith(f":{port}")]
        == [f"127.0.0.1:{port}" for port in ports])
    print(cluster.places.run)
"""


def test_an_ordinary_user_runs_a_cluster(cluster: Cluster, somebody: pwd.struct_passwd) -> None:
    work = cluster.places.homes / "ordinary"
    shutil.copytree(ROOT / "sandbox", work / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    (work / "script.py").write_text(ORDINARY)
    for path in (work, *work.rglob("*")):
        os.chown(path, somebody.pw_uid, somebody.pw_gid)
    as_root = os.geteuid() == 0
    done = subprocess.run(
        ["/usr/bin/python3", "-B", "script.py"],
        cwd=work,
        user=somebody.pw_uid if as_root else None,
        group=somebody.pw_gid if as_root else None,
        extra_groups=[] if as_root else None,
        env={"HOME": str(work), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(work)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer, on_loopback, run = done.stdout.splitlines()
    assert (answer, on_loopback) == ("COMPLETED True", "True")
    assert not Path(run).exists()
    shutil.rmtree(work)


def test_a_port_that_somebody_takes_meanwhile_is_told_from_other_trouble(other: Cluster) -> None:
    setting = bringup.choose(other.places, quick=True)
    try:
        with (
            socket.create_server(("127.0.0.1", setting.ports.relay or 0)),
            pytest.raises(PortTaken, match=r"^relay ended while starting"),
        ):
            bringup.bring_up(setting)
    finally:
        bringup.take_down(other.places)
