"""Who changed what, as slurmdbd tells it: the answers that a drift report reads.

Run on a fresh sandbox cluster as root: `.venv/bin/python tests/captured/slurm-22.05/capture_drift.py`.
"""

import datetime
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))
from sandbox.slurm import Cluster  # noqa: E402

from allocations.accounts import ClusterName  # noqa: E402
from slurm_io.client import SLURM_ENVIRONMENT  # noqa: E402
from slurm_io.commands import show_association_ids, show_transactions  # noqa: E402

notes: list[tuple[str, int, str]] = []
OURS = ClusterName("sandbox")
MGR = ("sacctmgr", "-i")


def main() -> None:
    with Cluster(HERE.parents[2] / ".sandbox" / "capture-drift") as cluster:
        os.environ.update({**cluster.environment, **SLURM_ENVIRONMENT})
        cluster.add_people("crv_ann", "crv_ben")
        by_hand(cluster)
        since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=90)
        capture("drift-show-transactions", *show_transactions(since))
        capture("drift-show-assoc-ids", *show_association_ids(OURS))
        tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        capture("drift-show-transactions-none", *show_transactions(tomorrow))
    table = (f"| {name} | {code} | `{command}` |" for name, code, command in notes)
    (HERE / "DRIFT.md").write_text("\n".join(["| file | exit | command |", "|---|---|---|", *table, ""]))


def by_hand(cluster: Cluster) -> None:
    """Everything that a finding can be explained by."""
    change("add", "account", "name=hpc_c", "parent=root", "description=it's \"odd\" | x", "organization=cloudrock-slurm")
    change("add", "account", "name=hpc_p", "parent=hpc_c", "description=two\nlines")
    change("add", "account", "name=hpc_a", "parent=hpc_p", "GrpTRESMins=cpu=600,mem=614400")
    change("add", "account", "name=hpc_b", "parent=hpc_p")
    change("add", "user", "name=crv_ann,crv_ben", "account=cloudrock", "defaultaccount=cloudrock")
    change("add", "user", "name=crv_ann,crv_ben", "account=hpc_a")
    change("add", "user", "name=crv_ann,crv_ben", "account=hpc_b")
    job = cluster.submit(user="crv_ann", account="hpc_a", seconds=1)
    cluster.wait_for_job(job)
    change("modify", "account", "where", "name=hpc_a", "set", "GrpTRESMins=cpu=60")
    change("modify", "account", "where", "name=hpc_a,hpc_b", "set", "GrpTRESMins=cpu=7")
    change("modify", "account", "where", "name=hpc_a", "set", "GrpSubmitJobs=0")
    change("modify", "account", "where", "name=hpc_a", "set", "GrpSubmitJobs=-1")
    change("modify", "account", "where", "name=hpc_a", "set", "parent=root")
    change("modify", "account", "where", "name=hpc_a", "set", "organization=cloudrock-slurm-draining")
    change("modify", "user", "where", "name=crv_ann,crv_ben", "account=hpc_a", "set", "MaxSubmitJobs=0")
    change("modify", "user", "where", "name=crv_ann", "set", "defaultaccount=hpc_a")
    change("modify", "user", "where", "name=crv_ann", "set", "defaultaccount=cloudrock")
    change("delete", "user", "where", "name=crv_ann,crv_ben", "account=hpc_a")
    change("delete", "account", "where", "name=hpc_a,hpc_b")
    change("delete", "user", "where", "name=crv_ben")


def change(*words: str) -> None:
    time.sleep(1)  # slurmdbd sorts by whole seconds only
    subprocess.run([*MGR, *words], stdin=subprocess.DEVNULL, capture_output=True, check=True)


def capture(name: str, *command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    for kind, text in (("out", done.stdout), ("err", done.stderr)):
        path = HERE / f"{name}.{kind}"
        path.unlink(missing_ok=True)
        if text:
            path.write_bytes(text)
    notes.append((name, done.returncode, " ".join(command)))


if __name__ == "__main__":
    main()
