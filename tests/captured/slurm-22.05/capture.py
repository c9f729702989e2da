"""Makes these files anew, on a fresh sandbox cluster as root: `.venv/bin/python tests/captured/slurm-22.05/capture.py`."""

import datetime
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))
from sandbox.slurm import Cluster, daemons  # noqa: E402

EPOCH = {"SLURM_TIME_FORMAT": "%s"}
ASSOC = "format=cluster,account,user,partition,parentname,defaultqos,qos,grptresmins,grpjobs,grpsubmitjobs"
SACCT = ("sacct", "-X", "-D", "-T", "--allusers", "-nP", "--noconvert")
FIELDS = "-o", "Cluster,JobIDRaw,Account,User,AllocTRES,ElapsedRaw,Suspended,Submit,Start,End,State"
NOTICE = """## Worth noticing
- A wrong number is not refused: `grptresmins=cpu=many` exits 0 and sets `cpu=0`.
- Memory in sacctmgr is converted; nearly always exactly (`1025M`, `1.50G`), but 1049088 prints as `1.00T` and 2**40 as `1?`.
  The exact numbers are in `scontrol-assoc-mgr.out`.
- Adding several names of which some exist adds the rest, exit 0, and lists only what is new; what exists keeps its parent.
- `add user ... defaultaccount=x` makes the association with x too.
- Deleting an account deletes the accounts below it; moving one below its own child swaps them.
- Setting a limit to what it is says "Modified"; moving to the parent it has says "Nothing modified", exit 1.
- Account names, user names and descriptions are stored in lower case; both kinds of quotes come back as backquotes; a `|` stays and
  breaks the line into one field too many.
"""

notes: list[tuple[str, str, int]] = []


def main() -> None:
    folder = HERE.parents[2] / ".sandbox" / "capture"
    with Cluster(folder) as cluster:
        os.environ.update(cluster.environment)
        cluster.add_people("crs_ann", "crs_ben")
        accounts_and_users()
        limits()
        jobs(cluster)
        broken(cluster)
    version = "SLURM 22.05.8 (Debian 12), sandbox cluster, "
    lines = [
        "# What SLURM really prints",
        "",
        f"{version}{datetime.datetime.now(datetime.UTC):%Y-%m-%d}; `capture.py` makes them anew. `capture_door.py` makes",
        "those that [DOOR.md](DOOR.md) lists: the door's own questions, and the answers to those who may not.",
        "`x.out` is standard output, `x.err` standard error, byte for byte; an empty one is not kept.",
        "Standard input is /dev/null. In the order they were run:",
        "",
        "| file | exit | command |",
        "|---|---|---|",
        *(f"| {name} | {code} | `{command}` |" for name, code, command in notes),
        "",
        NOTICE,
    ]
    (HERE / "README.md").write_text("\n".join(lines))


def capture(name: str, *command: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, timeout=120
    )
    for kind, text in (("out", done.stdout), ("err", done.stderr)):
        path = HERE / f"{name}.{kind}"
        path.unlink(missing_ok=True)
        if text:
            path.write_bytes(text)
    words = " ".join(f"'{w}'" if set(w) & set(" '\"|%;") or not w else w for w in command).replace("|", "\\|")
    prefix = "".join(f"{key}={value} " for key, value in (env or {}).items())
    notes.append((name, done.returncode, prefix + words))


def accounts_and_users() -> None:
    mgr = ("sacctmgr", "-i")
    capture("show-assoc-fresh-cluster", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("add-account", *mgr, "add", "account", "hpc_1", "description=Genomics", "organization=uni", "parent=root")
    capture("add-account-again", *mgr, "add", "account", "hpc_1", "description=Genomics", "organization=uni", "parent=root")
    capture("add-accounts-some-exist", *mgr, "add", "account", "hpc_1,hpc_1a,hpc_1b", "parent=hpc_1")
    capture("add-accounts-other-parent", *mgr, "add", "account", "hpc_1a,hpc_1c", "parent=root")
    capture("add-account-unknown-parent", *mgr, "add", "account", "hpc_2", "parent=nowhere")
    capture("add-account-upper-case", *mgr, "add", "account", "HPC_Upper", "description=Mixed Case")
    capture("add-account-odd-description", *mgr, "add", "account", "hpc_odd", "description=it's \"q\" | pipe, comma=é")
    capture("add-user", *mgr, "add", "user", "crs_ann,crs_ben", "account=hpc_1", "defaultaccount=cloudrock")
    capture("show-assoc-after-add-user-default-elsewhere", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("show-user-after-add-user-default-elsewhere", "sacctmgr", "-nP", "show", "user", "format=user,defaultaccount,adminlevel")
    capture("add-user-default-with-own", *mgr, "add", "user", "crs_ann,crs_ben", "account=cloudrock", "defaultaccount=cloudrock")
    capture("add-user-to-second-account", *mgr, "add", "user", "crs_ann,crs_ben", "account=hpc_1", "defaultaccount=cloudrock")
    capture("add-user-again", *mgr, "add", "user", "crs_ann,crs_ben", "account=hpc_1", "defaultaccount=cloudrock")
    capture("add-users-some-exist", *mgr, "add", "user", "crs_ann,crs_new", "account=hpc_1", "defaultaccount=cloudrock")
    capture("add-user-no-such-os-user", *mgr, "add", "user", "nobody_here", "account=hpc_1a")
    capture("add-user-upper-case", *mgr, "add", "user", "CRS_Ann", "account=hpc_1a")
    capture("add-user-unknown-account", *mgr, "add", "user", "crs_ann", "account=nowhere")
    capture("add-user-unknown-default-account", *mgr, "add", "user", "crs_x", "account=hpc_1", "defaultaccount=nowhere")
    capture("add-user-partition", *mgr, "add", "user", "crs_ann", "account=hpc_1a", "partition=main")
    capture("add-user-two-accounts", *mgr, "add", "user", "crs_ann", "account=hpc_1b,hpc_upper")
    capture("move-account", *mgr, "modify", "account", "where", "name=hpc_1c", "set", "parent=hpc_1")
    capture("move-account-again", *mgr, "modify", "account", "where", "name=hpc_1c", "set", "parent=hpc_1")
    capture("move-account-below-itself", *mgr, "modify", "account", "where", "name=hpc_1", "set", "parent=hpc_1c")
    capture("modify-unknown-account", *mgr, "modify", "account", "where", "name=nowhere", "set", "grptresmins=cpu=1")
    capture("modify-description", *mgr, "modify", "account", "where", "name=hpc_1", "set", "description=New words")
    capture("delete-unknown-account", *mgr, "delete", "account", "where", "name=nowhere")
    capture("delete-unknown-user", *mgr, "delete", "user", "where", "name=nobody", "account=hpc_1")
    capture("delete-user-from-account", *mgr, "delete", "user", "where", "name=crs_new", "account=hpc_1")
    capture("delete-user-from-account-again", *mgr, "delete", "user", "where", "name=crs_new", "account=hpc_1")
    capture("delete-user-from-default-account", *mgr, "delete", "user", "where", "name=crs_ben", "account=cloudrock")
    capture("delete-default-account", *mgr, "delete", "account", "where", "name=cloudrock")
    capture("show-account", "sacctmgr", "-nP", "show", "account")
    capture("show-account-fields", "sacctmgr", "-nP", "show", "account", "format=account,description,organization")
    capture("show-user", "sacctmgr", "-nP", "show", "user")
    capture("show-user-fields", "sacctmgr", "-nP", "show", "user", "format=user,defaultaccount,adminlevel")
    capture("show-assoc-unknown-account", "sacctmgr", "-nP", "show", "assoc", "account=nowhere", ASSOC)
    capture("show-assoc-unknown-field", "sacctmgr", "-nP", "show", "assoc", "format=cluster,nofield")
    capture("show-cluster", "sacctmgr", "-nP", "show", "cluster")
    capture("show-qos", "sacctmgr", "-nP", "show", "qos", "format=name,priority,flags")
    capture("show-tres", "sacctmgr", "-nP", "show", "tres")
    capture("version", "sacctmgr", "--version")


def limits() -> None:
    numbers = ["1", "1000", "1023", "1024", "1025", "1536", "10240", "1000001", "1048576", "1048577", "1049088", "1152", "1572864",
               "1500000000", "1073741824", "1099511627776", "123456789012345"]
    for number in numbers:
        account = f"mem_{number}"
        subprocess.run(
            ("sacctmgr", "-i", "add", "account", account, f"grptresmins=cpu={number},mem={number},gres/gpu={number}"),
            stdin=subprocess.DEVNULL, capture_output=True, check=True,
        )
    capture("set-limits", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_1", "set",
            "grptresmins=cpu=60000,mem=1500000,gres/gpu=1200,gres/gpu:a100=1200")
    capture("set-limits-again", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_1", "set",
            "grptresmins=cpu=60000,mem=1500000,gres/gpu=1200,gres/gpu:a100=1200")
    capture("set-limits-clear-one", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_1", "set",
            "grptresmins=mem=-1")
    capture("set-limits-zero", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_1a", "set",
            "grptresmins=cpu=0,gres/gpu=0")
    capture("set-limits-unknown-tres", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_1", "set",
            "grptresmins=gres/fpga=5")
    capture("set-limits-not-a-number", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_upper", "set",
            "grptresmins=cpu=many")
    capture("set-limits-mem-unit", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_1b", "set",
            "grptresmins=mem=1500G")
    capture("set-submit-limit", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_1b", "set",
            "grpsubmitjobs=0", "grpjobs=0")
    capture("set-limits-empty", "sacctmgr", "-i", "modify", "account", "where", "name=hpc_upper", "set", "grptresmins=")
    capture("show-assoc", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("show-assoc-all-fields-header", "sacctmgr", "-P", "show", "assoc")
    capture("show-assoc-withsubaccounts", "sacctmgr", "-nP", "show", "assoc", "tree", ASSOC)
    capture("scontrol-assoc-mgr", "scontrol", "-o", "show", "assoc_mgr", "flags=assoc")
    capture("scontrol-config", "scontrol", "show", "config")


def jobs(cluster: Cluster) -> None:
    start = f"{datetime.datetime.now():%Y-%m-%dT%H:%M:%S}"
    a = {"user": "crs_ann", "account": "hpc_1"}
    b = {"user": "crs_ben", "account": "hpc_1"}
    done = [
        cluster.submit(**a, seconds=3, cpus=2),
        cluster.submit("--mem=1500M", **b, seconds=3, cpus=8, gpus=4),
        cluster.submit("--gres=gpu:2", **b, seconds=3),
        cluster.submit("--nodes=2", "--ntasks=2", **a, seconds=3),
        cluster.submit("--array=1-3%2", "--job-name=it's | odd", **a, seconds=3),
        cluster.submit(user="root", account="root", seconds=1),
    ]
    failed = int(cluster.run("sbatch", "--parsable", "-A", "hpc_1", "-o", "/dev/null", "-D", "/", "--wrap", "exit 3", user="crs_ann"))
    held = cluster.submit("--hold", **a, seconds=30)
    running = cluster.submit(**a, seconds=600)
    requeued = cluster.submit("--requeue", **b, seconds=10, cpus=2)
    suspended = cluster.submit(**b, seconds=12, cpus=2)
    cancelled = cluster.submit(**b, seconds=600)
    cluster.submit("--begin=now+1hour", **a, seconds=5)
    waiting = cluster.submit("--nodes=2", "--ntasks=2", "--exclusive", **b, seconds=5)
    cancelled_waiting = cluster.submit("--nodes=2", "--ntasks=2", "--exclusive", **b, seconds=5)
    for job in (running, requeued, suspended, cancelled):
        cluster.wait_for_job(job, states={"RUNNING"})
    time.sleep(3)
    cluster.run("scancel", str(held))
    cluster.run("scancel", str(cancelled_waiting))
    cluster.run("scancel", str(cancelled))
    cluster.run("scontrol", "requeue", str(requeued))
    cluster.run("scontrol", "suspend", str(suspended))
    time.sleep(2)
    capture("sacct-while-suspended", *SACCT, *FIELDS, "-S", start, env=EPOCH)
    time.sleep(2)
    cluster.run("scontrol", "resume", str(suspended))
    for job in (*done, failed, held, cancelled, suspended):
        cluster.wait_for_job(job)
    cluster.wait_for_job(requeued, states={"COMPLETED"})  # its second run
    capture("sacct", *SACCT, *FIELDS, "-S", start, env=EPOCH)
    capture("sacct-without-duplicates", *(w for w in SACCT if w != "-D"), *FIELDS, "-S", start, env=EPOCH)
    capture("sacct-no-epoch-converted", "sacct", "-X", "-D", "--allusers", "-P", *FIELDS, "-S", start)
    capture("sacct-account", *SACCT, *FIELDS, "-S", start, "-A", "hpc_1", env=EPOCH)
    capture("sacct-unknown-account", *SACCT, *FIELDS, "-S", start, "-A", "nowhere", env=EPOCH)
    capture("sacct-pending-and-unstarted", "sacct", "-X", "-D", "--allusers", "-P", *FIELDS, "-j", f"{held},{waiting},{cancelled_waiting}")
    capture("sacct-unknown-user", "sacct", "-X", "-nP", "-u", "nobody_here", "-S", start)
    capture("sacct-bad-time", *SACCT, *FIELDS, "-S", "yesterdayish")
    capture("sacct-bad-field", *SACCT, "-o", "nofield", "-S", start)
    capture("sacct-empty-future", *SACCT, *FIELDS, "-S", "2035-01-01", "-E", "2035-02-01", env=EPOCH)
    capture("squeue", "squeue", "--noheader", "--format=%A|%a|%u|%T")
    capture("delete-account-with-running-job", "sacctmgr", "-i", "delete", "account", "where", "name=hpc_1")
    capture("delete-user-with-running-job", "sacctmgr", "-i", "delete", "user", "where", "name=crs_ann", "account=hpc_1")
    capture("show-assoc-after-refused-delete", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("sbatch-unknown-account", "sbatch", "-A", "nowhere", "-o", "/dev/null", "--wrap", "true")
    capture("sbatch-gpu-limit-zero", "sbatch", "-A", "hpc_1b", "-o", "/dev/null", "--wrap", "true")
    capture("scancel-account", "scancel", "--account=hpc_1")
    capture("scancel-account-none-left", "scancel", "--account=hpc_1")
    time.sleep(3)
    now = datetime.datetime.now()
    capture("rollup", "sacctmgr", "-i", "rollup", f"{now:%Y-%m-%dT%H:00:00}", f"{now + datetime.timedelta(hours=1):%Y-%m-%dT%H:00:00}")
    capture("delete-account-without-jobs-with-users", "sacctmgr", "-i", "delete", "account", "where", "name=hpc_1b")
    capture("delete-parent-account", "sacctmgr", "-i", "delete", "account", "where", "name=hpc_1")
    capture("delete-account-again", "sacctmgr", "-i", "delete", "account", "where", "name=hpc_1b")
    capture("show-assoc-after-deletes", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("show-account-after-deletes", "sacctmgr", "-nP", "show", "account")
    capture("sacct-after-account-deleted", *SACCT, *FIELDS, "-S", start, "-A", "hpc_1", env=EPOCH)
    capture("add-account-after-delete", "sacctmgr", "-i", "add", "account", "hpc_1", "parent=root")
    capture("show-assoc-added-after-delete", "sacctmgr", "-nP", "show", "assoc", "account=hpc_1", ASSOC)


def broken(cluster: Cluster) -> None:
    import signal

    os.kill(cluster.running_daemons()["slurmctld"], signal.SIGKILL)
    time.sleep(1)
    capture("slurmctld-down-show-assoc", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("slurmctld-down-add-account", "sacctmgr", "-i", "add", "account", "hpc_9")
    capture("slurmctld-down-squeue", "squeue", "--noheader")
    capture("slurmctld-down-scancel", "scancel", "1")
    capture("slurmctld-down-sbatch", "sbatch", "-A", "cloudrock", "--wrap", "true")
    capture("slurmctld-down-scontrol", "scontrol", "ping")
    os.kill(cluster.running_daemons()["munged"], signal.SIGKILL)
    time.sleep(1)
    capture("munged-down-show-assoc", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("munged-down-sacct", *SACCT, *FIELDS, "-S", "now-1hour", env=EPOCH)
    daemons.wait_until("munged", daemons.start(daemons.munged(cluster.places), cluster.places), cluster.places,
                       cluster.places.munge_socket.exists, time.monotonic() + 5)
    os.kill(cluster.running_daemons()["slurmdbd"], signal.SIGSTOP)
    capture("slurmdbd-hung-show-assoc", "sacctmgr", "-nP", "show", "assoc")
    capture("slurmdbd-hung-add-account", "sacctmgr", "-i", "add", "account", "name=hung_x")
    capture("slurmdbd-hung-sacct", "sacct", "-nPXa", "-S", "now-1day")
    capture("slurmdbd-hung-sreport", "sreport", "-nP", "cluster", "Utilization")
    os.kill(cluster.running_daemons()["slurmdbd"], signal.SIGCONT)
    os.kill(cluster.running_daemons()["mariadbd"], signal.SIGKILL)
    time.sleep(1)
    capture("mariadb-down-show-assoc", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("mariadb-down-add-account", "sacctmgr", "-i", "add", "account", "hpc_10")
    capture("mariadb-down-sacct", *SACCT, *FIELDS, "-S", "now-1hour", env=EPOCH)
    os.kill(cluster.running_daemons()["slurmdbd"], signal.SIGKILL)
    time.sleep(1)
    capture("slurmdbd-down-show-assoc", "sacctmgr", "-nP", "show", "assoc", ASSOC)
    capture("slurmdbd-down-add-account", "sacctmgr", "-i", "add", "account", "hpc_11")
    capture("slurmdbd-down-sacct", *SACCT, *FIELDS, "-S", "now-1hour", env=EPOCH)
    capture("no-slurm-conf", "sacctmgr", "-nP", "show", "assoc", env={"SLURM_CONF": "/nowhere/slurm.conf"})


if __name__ == "__main__":
    main()
