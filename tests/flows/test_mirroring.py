"""Beside usage, push-usage makes the marketplace show limits and users as the cluster has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.own_folder import PEOPLE, person

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

ADA, MAX = person("ada"), person("max")


@pytest.fixture
def allocation(site) -> str:
    """An order that has been carried out; its order item."""
    item = site.order("mirror")
    assert site.pull().type.value == "COMPLETED"
    assert site.push().type.value == "COMPLETED"
    return item


def account_of(site: Any, item: str) -> str:
    return str(site.resource(item)["backend_id"])


def test_users_of_the_cluster_are_associated_and_nobody_else(site, allocation) -> None:
    account = account_of(site, allocation)
    assert site.associated(allocation) == PEOPLE
    site.cluster.run("sacctmgr", "-i", "delete", "user", "where", f"name={MAX}", f"account={account}")
    state = site.push()
    assert state.type.value == "COMPLETED"
    assert "1 user dropped" in state.message
    assert site.associated(allocation) == PEOPLE - {MAX}
    site.cluster.run("sacctmgr", "-i", "add", "user", f"name={MAX}", f"account={account}")
    assert "1 user associated" in site.push().message
    assert site.associated(allocation) == PEOPLE


def test_a_user_without_a_freeipa_profile_is_a_warning_and_no_failure(site, allocation) -> None:
    account = account_of(site, allocation)
    site.marketplace.office.add_user("nobody_there")
    site.cluster.run("sacctmgr", "-i", "add", "user", "name=daemon", f"account={account}")
    state = site.push()
    assert state.type.value == "COMPLETED", state.message
    assert site.associated(allocation) == PEOPLE


def test_more_users_than_may_be_dropped_are_not(site, allocation, monkeypatch: pytest.MonkeyPatch) -> None:
    account = account_of(site, allocation)
    monkeypatch.setenv("SYNC_MAX_REMOVALS", "1")
    for user in (ADA, MAX):
        site.cluster.run("sacctmgr", "-i", "delete", "user", "where", f"name={user}", f"account={account}")
    state = site.push()
    assert state.type.value == "FAILED"
    assert "more than SYNC_MAX_REMOVALS=1: none was dropped" in state.message
    assert site.associated(allocation) == PEOPLE


@pytest.mark.parametrize("asked_again", ["answers", "is silent"])
def test_whom_a_pull_lets_in_while_a_push_runs_is_not_dropped_by_it_nor_anybody_unseen(
    site, allocation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked_again: str
) -> None:
    from prefect import flow  # noqa: PLC0415 - Prefect takes seconds

    from flows.census import Doors, ask_for_census  # noqa: PLC0415 - the same
    from flows.doors import open_cloudrock, open_slurm  # noqa: PLC0415 - the same
    from flows.mirroring import Mirroring  # noqa: PLC0415 - the same
    from flows.settings import load_components, load_settings  # noqa: PLC0415 - the same

    account, settings = account_of(site, allocation), load_settings()
    for user in (ADA, MAX):
        site.cluster.run("sacctmgr", "-i", "delete", "user", "where", f"name={user}", f"account={account}")
    with open_cloudrock(settings) as cloudrock:
        doors = Doors(cloudrock, open_slurm(settings), settings, load_components(settings))
        taken = flow(
            lambda: ask_for_census(doors, doors.ask_for_records()).census(
                doors.components, cloudrock.fetch_offering()
            )
        )
        census = taken()
        site.cluster.run("sacctmgr", "-i", "add", "user", f"name={MAX}", f"account={account}")
        if asked_again == "is silent":
            monkeypatch.setenv("PATH", str(tmp_path))
            doors = replace(doors, slurm=open_slurm(settings))
        mirroring = Mirroring(doors, census, cloudrock.fetch_all_associations)
        mirroring.mirror()
    if asked_again == "answers":
        assert (mirroring.problems, mirroring.summary()) == ([], ", 1 user dropped")
        assert site.associated(allocation) == PEOPLE - {ADA}
    else:
        assert mirroring.problems[0].startswith(
            "2 users were not dropped in the marketplace: the SLURM command"
        )
        assert site.associated(allocation) == PEOPLE


def test_limits_of_the_cluster_are_shown_for_components_billed_by_limit(site, allocation) -> None:
    office, account = site.marketplace.office, account_of(site, allocation)
    office.configure_component(site.marketplace.offering_uuid, "cpu", billing_type="limit")
    assert "1 limit shown" in site.push().message
    assert site.resource(allocation)["limits"] == {"cpu": 600}
    site.cluster.run(
        *("sacctmgr", "-i", "modify", "account", "where", f"name={account}"),
        *("set", "GrpTRESMins=cpu=900,gres/gpu=-1"),
    )
    assert site.push().type.value == "COMPLETED"
    assert site.resource(allocation)["limits"] == {"cpu": 900}
    assert "shown" not in site.push().message


def test_the_marketplace_s_limits_stay_where_it_decides(
    site, allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.marketplace.office.configure_component(site.marketplace.offering_uuid, "cpu", billing_type="limit")
    monkeypatch.setenv("SLURM_LIMITS_OWNER", "cloudrock")
    assert site.push().type.value == "COMPLETED"
    assert site.resource(allocation)["limits"] == {}


@pytest.mark.parametrize(("setting", "state"), [("false", "OK"), ("true", "Erred")])
def test_an_account_that_is_gone_is_set_erred_only_if_the_site_wants_it(
    site, allocation, monkeypatch: pytest.MonkeyPatch, setting: str, state: str
) -> None:
    monkeypatch.setenv("CLOUDROCK_MARK_MISSING_ERRED", setting)
    account = account_of(site, allocation)
    site.cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={account}")
    for _ in range(2):
        run = site.push()
        assert run.type.value == "FAILED"
        assert f"its account {account!r} is not on the cluster" in run.message
    assert site.resource(allocation)["backend_metadata"]["state"] == state
    assert site.resource(allocation)["state"] == "OK"
