"""Terminate orders: no money lost, nobody locked out, nothing of others touched; contract/API.md 3.3."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from allocations.billing import BillingPeriod
from sandbox.slurm import SandboxError

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


def test_a_terminated_allocation_is_gone_its_usage_is_reported_and_its_users_stay_in_order(site) -> None:
    first = site.allocation("ending")
    account = site.resource(first)["backend_id"]
    person = min(site.people)
    job = site.cluster.submit(user=person, account=account, seconds=90, cpus=40)
    site.cluster.wait_for_job(job, {"RUNNING"})
    order = site.ask_for("terminate", first)
    state = site.pull()
    assert (state.type.value, state.message) == ("COMPLETED", "1 order: 1 done")
    assert site.cluster.wait_for_job(job).startswith("CANCELLED")
    assert account not in site.accounts()
    assert (site.item(order)["state"], site.resource(first)["state"]) == ("done", "Terminated")
    assert site.open_periods(first) == []
    assert {site.default_account(user) for user in site.people} == {"cloudrock"}
    (record,) = site.records(account)
    billed = round(40 * int(record["elapsedraw"]) / 60 + 1e-9)
    assert site.usage(first)["cpu"] == billed
    month = str(BillingPeriod.containing(datetime.now(UTC)))
    assert site.user_usage(first, month)[person][0] == billed


def test_an_account_stays_as_long_as_its_last_usage_would_fall_without_a_reason(site) -> None:
    first = site.allocation("too much")
    account = site.resource(first)["backend_id"]
    (period,) = site.open_periods(first)
    site.marketplace.office.insert_usage(period["uuid"], "cpu", 900, datetime.now(UTC))
    order = site.ask_for("terminate", first)
    state = site.pull()
    assert (state.type.value, state.message) == ("FAILED", "1 order: 1 left for the next run")
    (row,) = [row for row in site.artifact("orders") if row["order"] == order]
    assert f"the final usage of {account} is not in the marketplace: " in row["reason"]
    assert "run push-usage once with allow_decrease=true" in row["reason"]
    assert (account in site.accounts(), site.usage(first)) == (True, {"cpu": 900})
    site.push(allow_decrease=True)
    assert site.pull().message == "1 order: 1 done"
    assert site.usage(first)["cpu"] == 0


def test_the_project_s_and_the_customer_s_accounts_go_with_the_last_allocation_only(site) -> None:
    one, two = site.allocation("one"), site.allocation("two")
    resource = site.resource(one)
    above = {f"hpc_{resource['project_uuid']}", f"hpc_{resource['customer_uuid']}"}
    site.ask_for("terminate", one)
    assert site.pull().message == "1 order: 1 done"
    assert above <= set(site.accounts())
    site.ask_for("terminate", two)
    assert site.pull().message == "1 order: 1 done"
    assert above & set(site.accounts()) == set()


def test_accounts_that_we_did_not_make_stay_even_when_they_are_empty(site) -> None:
    item = site.order("guest")
    resource = site.resource(item)
    customer = f"hpc_{resource['customer_uuid']}"
    site.cluster.run("sacctmgr", "-i", "add", "account", f"name={customer}", "organization=physics")
    site.pull()
    site.ask_for("terminate", item)
    assert site.pull().message == "1 order: 1 done"
    assert customer in site.accounts()
    assert f"hpc_{resource['project_uuid']}" not in site.accounts()


def test_a_default_account_that_goes_is_moved_first(site) -> None:
    first = site.allocation("favourite")
    account = site.resource(first)["backend_id"]
    person = min(site.people)
    run = site.cluster.run
    run("sacctmgr", "-i", "modify", "user", "where", f"name={person}", "set", f"defaultaccount={account}")
    assert site.default_account(person) == account
    site.ask_for("terminate", first)
    assert site.pull().message == "1 order: 1 done"
    assert site.default_account(person) == "cloudrock"


def test_with_wait_the_account_is_closed_and_goes_when_its_jobs_have_ended(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_TERMINATE_JOBS", "wait")
    first = site.allocation("patient end")
    account = site.resource(first)["backend_id"]
    person = min(site.people)
    job = site.cluster.submit(user=person, account=account, seconds=45)
    site.cluster.wait_for_job(job, {"RUNNING"})
    order = site.ask_for("terminate", first)
    state = site.pull()
    assert (state.type.value, state.message) == ("COMPLETED", "1 order: 1 waiting")
    assert account in site.accounts()
    with pytest.raises(SandboxError, match="AssocGrpSubmitJobsLimit"):
        site.cluster.submit(user=person, account=account)
    before = site.writes()
    assert site.pull().message == "1 order: 1 waiting"
    assert site.writes() == before
    site.cluster.run("scancel", str(job))
    site.cluster.wait_for_job(job)
    assert site.pull().message == "1 order: 1 done"
    assert account not in site.accounts()
    assert site.item(order)["state"] == "done"


def test_an_account_goes_although_somebody_cleared_the_backend_id_in_the_portal(site) -> None:
    first = site.allocation("bare")
    account = site.resource(first)["backend_id"]
    site.set_backend_id(site.resource(first)["uuid"], "")
    order = site.ask_for("terminate", first)
    assert site.pull().message == "1 order: 1 done"
    assert site.item(order)["state"] == "done"
    assert account not in site.accounts()


def test_an_allocation_that_never_had_an_account_is_only_told_to_be_done(site) -> None:
    first = site.order("never made")
    order = first
    site.post(f"marketplace-order-items/{order}/set_state_done/", "provider_owner")
    resource = site.item(first)["marketplace_resource_uuid"]
    site.post(f"marketplace-slurm-remote/{resource}/set_state/", "provider_owner", {"state": "ok"})
    before = site.accounts()
    order = site.ask_for("terminate", first)
    assert site.pull().message == "1 order: 1 done"
    assert site.item(order)["state"] == "done"
    assert site.accounts() == before


def test_sub_accounts_that_somebody_made_below_are_never_deleted(site) -> None:
    first = site.allocation("parental")
    account = site.resource(first)["backend_id"]
    site.cluster.run("sacctmgr", "-i", "add", "account", "name=private", f"parent={account}")
    order = site.ask_for("terminate", first)
    state = site.pull()
    assert (state.type.value, state.message) == ("FAILED", "1 order: 1 erred")
    assert "accounts below it (private)" in site.item(order)["error_message"]
    assert {account, "private"} <= set(site.accounts())
    assert (site.resource(first)["state"], site.allocation_state(first)) == ("OK", "OK")
    site.cluster.run("sacctmgr", "-i", "delete", "account", "where", "name=private")


def test_an_allocation_that_another_tool_put_into_deleting_is_led_back_and_ends(site) -> None:
    first = site.allocation("led astray")
    order = site.ask_for("terminate", first)
    resource = site.resource(first)["uuid"]
    site.post(f"marketplace-slurm-remote/{resource}/set_state/", "provider_owner", {"state": "deleting"})
    assert site.pull().message == "1 order: 1 done"
    assert (site.item(order)["state"], site.resource(first)["state"]) == ("done", "Terminated")
    assert [r for r in site.marketplace.office.requests() if r["status"] == 500] == []


def test_what_another_tool_ended_is_cleared_up_with_its_jobs_and_the_accounts_above(site) -> None:
    first = site.allocation("ended elsewhere")
    resource = site.resource(first)
    account, person = resource["backend_id"], min(site.people)
    run = site.cluster.run
    run("sacctmgr", "-i", "modify", "user", "where", f"name={person}", "set", f"defaultaccount={account}")
    job = site.cluster.submit(user=person, account=account, seconds=90)
    site.cluster.wait_for_job(job, {"RUNNING"})
    order = site.ask_for("terminate", first)
    site.post(f"marketplace-order-items/{order}/set_state_done/", "provider_owner")
    state = site.pull()
    assert state.message == ("no orders to carry out; left-over account of 1 Terminated resource: 1 done")
    assert site.cluster.wait_for_job(job).startswith("CANCELLED")
    managed = {account, f"hpc_{resource['project_uuid']}", f"hpc_{resource['customer_uuid']}"}
    assert not managed & set(site.accounts())
    assert site.default_account(person) == "cloudrock"
    (row,) = [row for row in site.artifact("orders") if row["account"]]
    assert "the marketplace takes no usage of a Terminated resource" in row["remarks"]


def test_an_account_whose_termination_was_given_up_takes_jobs_again(
    site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_TERMINATE_JOBS", "wait")
    first = site.allocation("changed mind")
    account = site.resource(first)["backend_id"]
    person = min(site.people)
    job = site.cluster.submit(user=person, account=account, seconds=60)
    site.cluster.wait_for_job(job, {"RUNNING"})
    order = site.ask_for("terminate", first)
    site.pull()
    site.post(f"marketplace-order-items/{order}/reject/", "provider_owner")
    assert site.pull().message == "no orders to carry out; members of 1 allocation: 1 done"
    again = site.cluster.submit(user=person, account=account, seconds=1)
    site.cluster.run("scancel", str(job), str(again))
    site.cluster.wait_for_job(job)
