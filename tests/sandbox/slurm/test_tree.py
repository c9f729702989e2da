from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.slurm import SandboxError
from sandbox.slurm.tree import NewAccount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.slurm import Cluster

pytestmark = pytest.mark.slurm
TREE = (
    NewAccount("crs_top", "root", organization="crs"),
    NewAccount("crs_left", "crs_top", ["crs_u1", "crs_u2"], {"cpu": 60, "gres/gpu": 5}),
    NewAccount("crs_right", "crs_top", ["crs_u2"], is_default=True),
)
GONE = "UPDATE sandbox_assoc_table"
"""slurmdbd keeps the rows of those under which jobs have run."""
NUMBERS = "SELECT {} FROM sandbox_assoc_table WHERE deleted = 0"


@pytest.fixture(scope="module")
def tree(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with three accounts more, put in at once, after one whose row stayed when it went."""
    cluster.run("sacctmgr", "-i", "add", "account", "name=crs_gone")
    cluster.sql(f"{GONE} SET deleted = 1, lft = 0, rgt = 0 WHERE acct = 'crs_gone'")
    cluster.insert_accounts(TREE)
    yield cluster
    cluster.run("sacctmgr", "-i", "delete", "user", "name=crs_u1,crs_u2")
    cluster.run("sacctmgr", "-i", "delete", "account", "name=crs_left,crs_right,crs_top")


def shown(cluster: Cluster, account: str, fields: str) -> set[str]:
    where = ("where", f"account={account}", f"format={fields}")
    return set(cluster.run("sacctmgr", "-nP", "show", "assoc", *where).splitlines())


def test_accounts_put_in_at_once_are_what_sacctmgr_shows(tree: Cluster) -> None:
    rows = shown(tree, "crs_left", "account,user,parentname,grptresmins")
    assert rows == {"crs_left||crs_top|cpu=60,gres/gpu=5", "crs_left|crs_u1||", "crs_left|crs_u2||"}
    assert tree.run("sacctmgr", "-nP", "show", "account", "crs_top", "format=organization").strip() == "crs"
    default = tree.run("sacctmgr", "-nP", "show", "user", "crs_u2", "format=defaultaccount")
    assert default.strip() == "crs_right"


def test_slurm_goes_on_with_them_as_with_its_own(tree: Cluster) -> None:
    tree.run("sacctmgr", "-i", "add", "account", "name=crs_below", "parent=crs_left")
    tree.run("sacctmgr", "-i", "add", "user", "name=crs_u1", "account=crs_below")
    below = tree.run("sacctmgr", "-nP", "show", "assoc", "where", "parent=crs_top", "format=account")
    assert set(below.split()) == {"crs_left", "crs_right"}
    numbers = tree.sql(" UNION ALL ".join(NUMBERS.format(side) for side in ("lft", "rgt")))
    assert len({row[0] for row in numbers}) == len(numbers)
    tree.run("sacctmgr", "-i", "delete", "account", "name=crs_below")
    assert shown(tree, "crs_below", "account") == set()


@pytest.mark.parametrize(
    ("account", "complaint"),
    [
        (NewAccount("crs_a", "nowhere"), "'nowhere' is not there"),
        (NewAccount("crs a", "root"), "takes no 'crs a'"),
        (NewAccount("crs_a", "root", grp_tres_mins={"gpu": 1}), "takes no 'gpu'"),
    ],
)
def test_an_account_that_cannot_be_is_refused(cluster: Cluster, account: NewAccount, complaint: str) -> None:
    with pytest.raises(SandboxError, match=complaint):
        cluster.insert_accounts([account])
    assert shown(cluster, "crs_a", "account") == set()
