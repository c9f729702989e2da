"""What `capture.py` does not ask: the door's own commands, and the answers to those who may not.

Run on a fresh sandbox cluster as root: `.venv/bin/python tests/captured/slurm-22.05/capture_door.py`.
"""

import datetime
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))
from sandbox.slurm import Cluster  # noqa: E402

from allocations.changes import AddUsers, CancelJobs, Change, CloseUsers, CreateAccount, DeleteAccount, DrainAccount  # noqa: E402
from allocations.changes import RegisterUsers, RemoveUsers  # noqa: E402
from allocations.model import Account  # noqa: E402
from allocations.accounts import ClusterName  # noqa: E402
from slurm_io.changing import Target, commands_for  # noqa: E402
from slurm_io.client import SLURM_ENVIRONMENT  # noqa: E402
from slurm_io.commands import show_active_jobs, show_associations, show_children, show_default_accounts, show_jobs  # noqa: E402
from slurm_io.commands import show_organizations, show_queue  # noqa: E402
from slurm_io.commands import show_association_ids, show_these_jobs  # noqa: E402
from slurm_io.commands_books import show_account_usage, show_cluster_usage, show_clusters, show_reservations  # noqa: E402

OURS = ClusterName("sandbox")
notes: list[tuple[str, str, int]] = []
MGR = ("sacctmgr", "-i")


def main() -> None:
    with Cluster(HERE.parents[2] / ".sandbox" / "capture-door") as cluster:
        os.environ.update({**cluster.environment, **SLURM_ENVIRONMENT})
        cluster.add_people("crr_eve", "crr_max", "crr_ida")
        limits()
        tree()
        at_work(cluster)
        denied("crr_eve")
        jobs(cluster)
        books(cluster)
        broken(cluster)
    table = (f"| {name} | {code} | `{command}` |" for name, command, code in notes)
    (HERE / "DOOR.md").write_text("\n".join(["| file | exit | command |", "|---|---|---|", *table, ""]))


def capture(name: str, *command: str, user: str | None = None) -> None:
    uid = pwd.getpwnam(user).pw_uid if user else None
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, user=uid, cwd="/",
        extra_groups=[] if user else None,
    )
    for kind, text in (("out", done.stdout), ("err", done.stderr)):
        path = HERE / f"{name}.{kind}"
        path.unlink(missing_ok=True)
        if text:
            path.write_bytes(text)
    notes.append((name, (f"as {user}: " if user else "") + " ".join(command).replace("|", "\\|"), done.returncode))


def quietly(*command: str) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)


def limits() -> None:
    numbers = (614400000, 600, 1023, 1048576, 1049088, 1054208, 585 * 2**20 + 512, 2**30 + 512, 2**40, 2**40 * 1536, 2**50, 0)
    for number in numbers:
        quietly(*MGR, "add", "account", f"shown_{number}", "parent=root", f"GrpTRESMins=cpu={number},gres/gpu={number},mem={number}")
    quietly(*MGR, "add", "user", "crr_eve", "account=shown_600", "defaultaccount=cloudrock")
    quietly(*MGR, "add", "user", "crr_eve", "account=shown_614400000")
    quietly(*MGR, "add", "user", "crr_eve", "account=shown_600", "partition=main")


def apply(*changes: Change) -> None:
    for change in changes:
        for command in commands_for(change, Target(OURS, alone=True)):
            quietly(*command)


def tree() -> None:
    """Accounts and users as pull makes them, closes them and leaves them; and what others leave."""
    apply(
        CreateAccount(Account("hpc_customer", "root", description="ACME")),
        CreateAccount(Account("hpc_project", "hpc_customer", description="Genomes")),
        CreateAccount(Account("hpc_work", "hpc_project", {"cpu": 60000, "mem": 1536, "gres/gpu:a100": 0})),
        CreateAccount(Account("hpc_going", "hpc_project")),
        CreateAccount(Account("hpc_gone", "hpc_project")),
        RegisterUsers(("crr_max", "crr_ida"), "cloudrock"),
        AddUsers("hpc_work", ("crr_eve", "crr_max", "crr_ida")),
        CloseUsers("hpc_work", ("crr_ida",)),
        DrainAccount("hpc_going"),
    )
    quietly(*MGR, "add", "user", "crr_lost", "account=hpc_gone")
    quietly(*MGR, "add", "user", "crr_max", "account=hpc_gone")
    quietly(*MGR, "modify", "account", "where", "name=hpc_going", "set", "MaxSubmitJobs=0")
    quietly(*MGR, "add", "user", "crr_max", "account=hpc_going")
    quietly(*MGR, "modify", "user", "where", "name=crr_max", "set", "defaultaccount=hpc_gone")
    apply(DeleteAccount("hpc_gone"))
    capture("door-show-assoc", *show_associations(OURS))
    capture("door-show-account", *show_organizations())
    capture("door-show-user", *show_default_accounts(OURS))
    capture("door-show-children", *show_children(OURS, "hpc_project"))
    capture("door-show-children-none", *show_children(OURS, "hpc_work"))
    quietly(*MGR, "modify", "user", "where", "name=crr_max", "set", "defaultaccount=cloudrock")
    apply(RemoveUsers("hpc_going", ("crr_max",)))


def at_work(cluster: Cluster) -> None:
    """Jobs that stand in the way, as slurmctld and slurmdbd tell of them."""
    work = {"user": "crr_eve", "account": "hpc_work"}
    running = cluster.submit(**work, seconds=600)
    suspended = cluster.submit(user="crr_max", account="hpc_work", seconds=600)
    for job in (running, suspended):
        cluster.wait_for_job(job, states={"RUNNING"})
    cluster.submit("--hold", **work, seconds=5)
    cluster.submit("--hold", "--array=1-3%2", **work, seconds=5)
    cluster.run("scontrol", "suspend", str(suspended))
    cluster.wait_for_job(suspended, states={"SUSPENDED"})
    accounts = {"hpc_work", "hpc_project", "hpc_nowhere"}
    capture("door-squeue", *show_queue(None, accounts))
    capture("door-squeue-none", *show_queue(None, {"hpc_project", "hpc_nowhere"}))
    capture("door-sacct-active", *show_active_jobs(OURS, accounts))
    capture("door-sacct-active-none", *show_active_jobs(OURS, {"hpc_project", "hpc_nowhere"}))
    for name, change in (
        ("door-delete-account-with-jobs", DeleteAccount("hpc_work")),
        ("door-delete-users-with-jobs", RemoveUsers("hpc_work", ("crr_eve", "crr_max"))),
        ("door-cancel-jobs-of-users", CancelJobs("hpc_work", ("crr_max",))),
        ("door-cancel-jobs", CancelJobs("hpc_work")),
        ("door-cancel-jobs-again", CancelJobs("hpc_work")),
        ("door-close-users", CloseUsers("hpc_work", ("crr_eve", "crr_max"))),
    ):
        (command,) = commands_for(change, Target(OURS, alone=True))
        capture(name, *command)
    capture(
        "door-sbatch-closed-user", "sbatch", "-A", "hpc_work", "-o", "/dev/null", "-D", "/", "--wrap", "true",
        user="crr_eve",
    )
    for job in (running, suspended):
        cluster.wait_for_job(job)


def denied(user: str) -> None:
    capture("denied-add-account", *MGR, "add", "account", "name=hpc_x", "parent=root", "description=x", user=user)
    capture("denied-add-user", *MGR, "add", "user", "name=crr_eve", "account=shown_1023", "defaultaccount=cloudrock", user=user)
    capture("denied-modify-account", *MGR, "modify", "account", "where", "name=shown_600", "set", "GrpTRESMins=cpu=1", user=user)
    capture("denied-delete-account", *MGR, "delete", "account", "where", "name=shown_600", user=user)
    capture("denied-show-assoc", *show_associations(OURS), user=user)
    now = datetime.datetime.now(datetime.UTC)
    capture("denied-sacct", *show_jobs(now - datetime.timedelta(hours=1), now, OURS), user=user)


def jobs(cluster: Cluster) -> None:
    begun = datetime.datetime.now(datetime.UTC)
    ended = [cluster.submit(user="crr_eve", account="shown_614400000", seconds=2, cpus=2, gpus=1)]
    running = cluster.submit(user="root", account="root", seconds=600)
    cluster.submit("--begin=now+1hour", user="crr_eve", account="shown_614400000", seconds=5)
    gone = cluster.submit("--hold", user="crr_eve", account="shown_614400000", seconds=5)
    cluster.run("scancel", str(gone))
    for job in ended:
        cluster.wait_for_job(job)
    cluster.wait_for_job(running, states={"RUNNING"})
    time.sleep(2)
    now = datetime.datetime.now(datetime.UTC)
    capture("door-sacct", *show_jobs(begun, now, OURS))
    capture("door-sacct-day", *show_jobs(begun - datetime.timedelta(hours=1), now + datetime.timedelta(hours=23), OURS))
    capture("door-sacct-one-second", *show_jobs(now, now + datetime.timedelta(seconds=1), OURS))
    capture("door-sacct-future", *show_jobs(now + datetime.timedelta(days=1), now + datetime.timedelta(days=2), OURS))
    capture("door-sacct-past", *show_jobs(now - datetime.timedelta(days=2), now - datetime.timedelta(days=1), OURS))
    quietly("scancel", str(running))


def books(cluster: Cluster) -> None:
    """A suspension that is still open, and what slurmdbd itself has summed up."""
    account = "shown_614400000"
    begun = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    suspended = cluster.submit("--mem=100", user="crr_eve", account=account, seconds=600, cpus=2)
    cluster.wait_for_job(suspended, states={"RUNNING"})
    for verb, seconds in (("suspend", 2), ("resume", 2), ("suspend", 3)):
        time.sleep(1)
        cluster.run("scontrol", verb, str(suspended))
        time.sleep(seconds)
    now = datetime.datetime.now(datetime.UTC)
    capture("door-sacct-suspended", *show_jobs(begun, now, OURS))
    capture("door-sacct-suspended-life", *show_these_jobs(OURS, [str(suspended)], now, clipped=True))
    capture("door-sacct-suspended-now", *show_these_jobs(OURS, [str(suspended)], now, clipped=False))
    quietly("scancel", str(suspended))
    quietly(
        "scontrol", "create", "reservation", "reservationname=idle", f"accounts={account}", "nodes=n1",
        "starttime=now", "duration=1", "flags=ignore_jobs",
    )
    time.sleep(5)
    hour = now.replace(minute=0, second=0, microsecond=0)
    later = hour + datetime.timedelta(hours=1)
    capture("door-sreport-cluster-not-yet", *show_cluster_usage(OURS, hour, later))
    capture("door-sreport-accounts-not-yet", *show_account_usage(hour, later, ["cpu", "mem", "gres/gpu"], OURS))
    cluster.rollup(hour, later)
    capture("door-sreport-cluster", *show_cluster_usage(OURS, hour, later))
    capture("door-sreport-accounts", *show_account_usage(hour, later, ["cpu", "mem", "gres/gpu"], OURS))
    capture("door-sreport-unknown-tres", *show_account_usage(hour, later, ["gres/nosuch"], OURS))
    capture("door-show-reservation", *show_reservations(OURS, hour, later))
    capture("door-show-reservation-none", *show_reservations(OURS, hour - datetime.timedelta(days=9), hour - datetime.timedelta(days=8)))
    capture("door-show-association-ids", *show_association_ids(OURS))
    capture("door-show-cluster", *show_clusters())
    capture("denied-sreport", *show_account_usage(hour, later, ["cpu"], OURS), user="crr_eve")


def broken(cluster: Cluster) -> None:
    os.kill(cluster.running_daemons()["munged"], signal.SIGKILL)
    time.sleep(1)
    now = datetime.datetime.now(datetime.UTC)
    capture("munged-only-down-show-assoc", *show_associations(OURS))
    capture("munged-only-down-add-account", *MGR, "add", "account", "name=hpc_y", "parent=root")
    capture("munged-only-down-sacct", *show_jobs(now - datetime.timedelta(hours=1), now, OURS))


if __name__ == "__main__":
    main()
