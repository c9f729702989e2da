"""`cloudrock-slurm repair`: what is missing comes back, and nothing else changes."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


def test_a_missing_account_comes_back_with_limits_and_members_and_nothing_else_changes(drifting) -> None:
    account, _ = drifting.settled("lost")
    other, _ = drifting.settled("bystander")
    before = drifting.site.accounts()[account], drifting.site.users(account)
    user = min(drifting.site.users(other))
    drifting.change("delete", "account", "where", f"name={account}")
    drifting.change("delete", "user", "where", f"name={user}", f"account={other}")
    assert drifting.findings()["account missing"]["remedy"] == f"`cloudrock-slurm repair {account}`"

    shown = drifting.command("repair", account, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert f"sacctmgr -i add account name={account}" in shown.stdout
    assert account not in drifting.site.accounts()

    done = drifting.command("repair", account)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("Completed: repair of 1 account: 1 done\n")
    assert (drifting.site.accounts()[account], drifting.site.users(account)) == before
    assert user not in drifting.site.users(other)
    assert set(drifting.findings()) == {"member missing"}


def test_what_is_not_missing_is_refused_with_a_sentence_each_and_nothing_is_done(drifting) -> None:
    account, _ = drifting.settled("present")
    lost, _ = drifting.settled("really lost")
    drifting.change("delete", "account", "where", f"name={lost}")
    before = drifting.site.writes()
    done = drifting.command("repair", account, "hpc_nobody", lost)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{account!r}: it is on the cluster, nothing is to be repaired",
        (
            "'hpc_nobody': no resource of the offering has this account: expected one that "
            "`cloudrock-slurm drift` reports as missing"
        ),
    ]
    assert drifting.site.writes() == before
    assert drifting.command("repair").returncode == 1


def test_another_writer_is_not_disturbed(drifting) -> None:
    from flows.lock import sole_writer  # noqa: PLC0415
    from flows.settings import load_settings  # noqa: PLC0415

    account, _ = drifting.settled("contended")
    drifting.change("delete", "account", "where", f"name={account}")
    with sole_writer(load_settings()):
        done = drifting.command("repair", account)
    assert done.returncode == 1
    assert "another process writes to this cluster now" in done.stdout
    assert account not in drifting.site.accounts()
