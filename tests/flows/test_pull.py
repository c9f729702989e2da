"""pull-orders on a real cluster, a behaving marketplace and a real Prefect server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.own_folder import PEOPLE, person

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


def test_a_create_order_becomes_accounts_users_and_one_plan_period(site) -> None:
    item = site.order("Protein folding")
    state = site.pull()
    assert (state.type.value, state.message) == ("COMPLETED", "1 order: 1 done")
    resource = site.resource(item)
    account = resource["backend_id"]
    assert account == f"hpc_{resource['uuid'][:5]}_proteinfolding"
    project, customer = f"hpc_{resource['project_uuid']}", f"hpc_{resource['customer_uuid']}"
    accounts = site.accounts()
    assert accounts[customer][0] == "root"
    assert accounts[project][0] == customer
    assert accounts[account] == (project, "cpu=600,gres/gpu=60,mem=600G")
    assert site.users(account) == PEOPLE
    assert (site.item(item)["state"], resource["state"]) == ("done", "OK")
    allocation = site.get(f"slurm-allocations/{resource['resource_uuid']}/")
    assert (allocation["state"], allocation["backend_id"]) == ("OK", account)
    assert len(site.open_periods(item)) == 1
    associations = site.get(f"slurm-associations/?allocation_uuid={resource['resource_uuid']}")
    assert {row["username"] for row in associations} == PEOPLE


def test_a_second_run_writes_nothing_anywhere(site) -> None:
    site.order("twice")
    site.pull()
    before = site.writes()
    site.marketplace.office.clear_requests()
    assert site.pull().message == "no orders to carry out"
    assert site.writes() == before
    methods = {request["method"] for request in site.marketplace.office.requests()}
    assert methods == {"GET"}


def test_an_order_without_a_resource_yet_waits_and_the_next_run_takes_it(site) -> None:
    site.marketplace.office.pause_worker()
    item = site.marketplace.place_order("patient")
    state = site.pull()
    assert (state.type.value, state.message) == ("COMPLETED", "1 order: 1 waiting")
    site.marketplace.office.resume_worker()
    site.marketplace.office.run_worker()
    assert site.pull().message == "1 order: 1 done"
    assert site.item(item)["state"] == "done"


HOSTILE_NAMES = {
    "a,b": "_ab",
    "x account=root": "_xaccountroot",
    "-leading dash": "_-leadingdash",
    "Größe & Café": "_groecafe",
    "日本": "",
    "'; drop table assoc; --": "_droptableassoc",
    "a" * 100: f"_{'a' * 24}",
}


def test_hostile_resource_names_become_safe_accounts(site) -> None:
    items = {name: site.order(name) for name in HOSTILE_NAMES}
    before = set(site.accounts())
    assert site.pull().message == f"{len(items)} orders: {len(items)} done"
    made = set()
    for name, item in items.items():
        resource = site.resource(item)
        made |= {
            resource["backend_id"],
            f"hpc_{resource['project_uuid']}",
            f"hpc_{resource['customer_uuid']}",
        }
        assert resource["backend_id"] == f"hpc_{resource['uuid'][:5]}{HOSTILE_NAMES[name]}"
    assert set(site.accounts()) - before == made


NO_USERS = ("x,crs_evil", "evil account=root", "", "-i", "root", "a\nb", "a b", "../x")
HOSTILE_USERS = (*NO_USERS, person("ada").title())


def test_hostile_user_names_are_refused_and_the_others_get_their_allocation(site) -> None:
    for name in HOSTILE_USERS:
        user = site.marketplace.office.add_user(name, "Eve")
        site.marketplace.office.add_member(site.marketplace.project_uuid, user["uuid"])
    users_before = set(site.cluster.run("sacctmgr", "-nP", "show", "user", "format=user").split())
    item = site.order("shared")
    state = site.pull()
    assert (state.type.value, state.message) == ("FAILED", "1 order: 1 done; 1 with remarks")
    assert site.users(site.resource(item)["backend_id"]) == PEOPLE
    users = set(site.cluster.run("sacctmgr", "-nP", "show", "user", "format=user").split())
    assert users - users_before <= PEOPLE
    assert len(site.open_periods(item)) == 1


def test_one_order_that_cannot_be_carried_out_is_erred_and_the_other_is_done(site) -> None:
    bad, good = site.order("bad"), site.order("good")
    resource = site.item(bad)["marketplace_resource_uuid"]
    site.set_backend_id(resource, "root")
    state = site.pull()
    assert (state.type.value, state.message) == ("FAILED", "2 orders: 1 done, 1 erred")
    assert site.item(bad)["state"] == "erred"
    assert "'root'" in site.item(bad)["error_message"]
    assert site.item(good)["state"] == "done"


def test_an_account_of_somebody_else_with_our_name_is_left_alone(site) -> None:
    item = site.order("taken")
    account = f"hpc_{site.item(item)['marketplace_resource_uuid'][:5]}_taken"
    site.cluster.run("sacctmgr", "-i", "add", "account", f"name={account}", "parent=cloudrock")
    state = site.pull()
    assert state.type.value == "FAILED"
    assert site.accounts()[account] == ("cloudrock", "")
    assert site.item(item)["state"] == "erred"


def test_a_default_account_that_somebody_chose_is_kept(site) -> None:
    run, friend = site.cluster.run, person("polly")
    office = site.marketplace.office
    office.add_user(friend, "Polly")
    office.add_member(site.marketplace.project_uuid, friend)
    run("sacctmgr", "-i", "add", "account", "name=physics")
    run("sacctmgr", "-i", "add", "user", f"name={friend}", "account=physics")
    item = site.order("polite")
    assert site.pull().message == "1 order: 1 done"
    assert friend in site.users(site.resource(item)["backend_id"])
    text = run("sacctmgr", "-nP", "show", "user", "where", f"name={friend}", "format=user,defaultaccount")
    assert text.strip() == f"{friend}|physics"


def test_members_without_a_freeipa_profile_still_compute(site) -> None:
    site.marketplace.office.remove_freeipa_profile(person("mary"))
    item = site.order("no profile")
    state = site.pull()
    assert (state.type.value, state.message) == ("COMPLETED", "1 order: 1 done")
    assert person("mary") in site.users(site.resource(item)["backend_id"])


class TestWhatStopsARun:
    """One sentence in the log and the state; orders stay executing, nothing is half-applied."""

    def test_the_marketplace_is_down(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CLOUDROCK_API_URL", "http://127.0.0.1:9/api/")
        state = site.pull()
        assert state.type.value == "FAILED"
        assert state.message.startswith("Cloudrock is unavailable: GET http://127.0.0.1:9/api/")

    def test_the_token_is_wrong(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CLOUDROCK_API_TOKEN", "0" * 40)
        state = site.pull()
        assert state.type.value == "FAILED"
        assert "401: Invalid token" in state.message
        assert "0" * 40 not in state.message

    def test_the_offering_is_unknown(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CLOUDROCK_OFFERING_UUID", "f" * 32)
        state = site.pull()
        assert state.type.value == "FAILED"
        assert f"marketplace-provider-offerings/{'f' * 32}/ with 404" in state.message

    def test_sacctmgr_is_missing(self, site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        item = site.order("later")
        monkeypatch.setenv("PATH", str(tmp_path))
        state = site.pull()
        assert state.type.value == "FAILED"
        assert "'sacctmgr' cannot be run here" in state.message
        assert site.item(item)["state"] == "executing"

    def test_sacctmgr_is_missing_while_the_marketplace_has_nothing_for_it(
        self, site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        state = site.pull()
        assert (state.type.value, state.message) == ("COMPLETED", "no orders to carry out")

    def test_neither_the_marketplace_nor_slurm_answers(
        self, site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("CLOUDROCK_OFFERING_UUID", "f" * 32)
        state = site.pull()
        assert state.type.value == "FAILED"
        assert f"marketplace-provider-offerings/{'f' * 32}/ with 404" in state.message

    def test_slurmdbd_is_down(self, site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        item = site.order("later")
        original = site.cluster.places.slurm_conf.read_text()
        port = next(line for line in original.splitlines() if line.startswith("AccountingStoragePort="))
        deaf = tmp_path / "slurm.conf"
        deaf.write_text(original.replace(port, "AccountingStoragePort=9"))
        monkeypatch.setenv("SLURM_CONF", str(deaf))
        state = site.pull()
        assert state.type.value == "FAILED"
        assert "SLURM does not answer" in state.message
        assert site.item(item)["state"] == "executing"

    def test_settings_are_missing(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CLOUDROCK_API_TOKEN")
        state = site.pull()
        assert state.type.value == "FAILED"
        assert state.message == "CLOUDROCK_API_TOKEN: missing: expected the user's token, one word"

    def test_the_default_account_is_missing(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLURM_DEFAULT_ACCOUNT", "nowhere")
        item = site.order("later")
        state = site.pull()
        assert state.type.value == "FAILED"
        assert state.message.startswith("SLURM_DEFAULT_ACCOUNT: the account 'nowhere' is not on the cluster")
        assert site.item(item)["state"] == "executing"
