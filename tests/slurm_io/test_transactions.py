"""`sacctmgr show transactions`, as captured, and what is no transaction."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import ClusterName
from allocations.history import ADD_ACCOUNTS, ADD_ASSOCIATIONS, MODIFY_ASSOCIATIONS, REMOVE_ACCOUNTS
from slurm_io.commands import show_association_ids, show_transactions
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing_transactions import parse_association_ids, parse_transactions

if TYPE_CHECKING:
    from collections.abc import Callable

    from allocations.history import Transaction

    Captured = Callable[[str], str]

OURS = ClusterName("sandbox")


@pytest.fixture
def transactions(captured: Captured) -> tuple[Transaction, ...]:
    ids = parse_association_ids(captured("drift-show-assoc-ids.out"))
    return parse_transactions(captured("drift-show-transactions.out"), ids, OURS)


def of(found: tuple[Transaction, ...], action: str) -> list[Transaction]:
    return [one for one in found if one.action == action]


def test_the_history_is_read_with_two_commands() -> None:
    assert show_association_ids(OURS) == (
        "sacctmgr",
        "-nP",
        "show",
        "assoc",
        "cluster=sandbox",
        "withdeleted",
        "format=id,account,user",
    )
    assert show_transactions(datetime(2026, 8, 26, 3, 40, tzinfo=UTC)) == (
        "sacctmgr",
        "-nP",
        "show",
        "transactions",
        "start=2026-08-26T03:40:00",
        "format=timestamp,action,actor,cluster,where,info",
    )


def test_every_transaction_has_its_time_and_its_actor(transactions: tuple[Transaction, ...]) -> None:
    assert len(transactions) == 36
    assert {one.actor for one in transactions} == {"root"}
    times = [one.when for one in transactions]
    assert times == sorted(times)
    assert times[0] == datetime(2026, 11, 24, 19, 27, 0, tzinfo=UTC)


def test_associations_are_known_by_account_and_user(transactions: tuple[Transaction, ...]) -> None:
    modified = [(set(one.pairs), set(one.settings)) for one in of(transactions, MODIFY_ASSOCIATIONS)]
    assert modified == [
        ({("hpc_a", "")}, {"grp_tres_mins"}),
        ({("hpc_a", ""), ("hpc_b", "")}, {"grp_tres_mins"}),
        ({("hpc_a", "")}, {"grp_submit_jobs"}),
        ({("hpc_a", "")}, {"grp_submit_jobs"}),
        ({("hpc_a", "crv_ann"), ("hpc_a", "crv_ben")}, {"max_submit_jobs"}),
        ({("hpc_a", "crv_ann")}, {"is_def"}),
        ({("cloudrock", "crv_ann")}, {"is_def"}),
    ]
    removed = of(transactions, "Remove Associations")
    assert [set(one.pairs) for one in removed] == [{("hpc_a", "crv_ann"), ("hpc_a", "crv_ben")}]


def test_what_was_set_is_told_but_for_what_differs_between_associations(
    transactions: tuple[Transaction, ...],
) -> None:
    values = [one.settings for one in of(transactions, MODIFY_ASSOCIATIONS)]
    assert [next(iter(one.values())) for one in values] == ["", "", "0", "NULL", "0", "1", "1"]
    made = of(transactions, ADD_ASSOCIATIONS)
    assert [one.settings.get("parent_acct") for one in made][:6] == [
        None,
        "root",
        "root",
        "hpc_c",
        "hpc_p",
        "hpc_p",
    ]
    assert made[4].settings["grp_tres_mins"] == "1=600,2=614400"


def test_accounts_and_users_are_known_by_name(transactions: tuple[Transaction, ...]) -> None:
    added = [one.names for one in of(transactions, ADD_ACCOUNTS)]
    assert added == [{"cloudrock"}, {"hpc_c"}, {"hpc_p"}, {"hpc_a"}, {"hpc_b"}]
    assert [one.names for one in of(transactions, REMOVE_ACCOUNTS)] == [{"hpc_a", "hpc_b"}]
    assert [one.names for one in of(transactions, "Remove Users")] == [{"crv_ben"}]


def test_a_description_with_a_line_end_and_separators_is_no_transaction_of_its_own(
    transactions: tuple[Transaction, ...],
) -> None:
    texts = [one.settings["description"] for one in of(transactions, ADD_ACCOUNTS)]
    assert texts[1:3] == ["it`s `odd` | x", "two\nlines"]


def test_an_association_that_is_gone_for_good_is_known_from_its_making(captured: Captured) -> None:
    found = parse_transactions(captured("drift-show-transactions.out"), {}, OURS)
    (removed,) = of(found, "Remove Associations")
    assert removed.pairs == {("hpc_a", "crv_ann"), ("hpc_a", "crv_ben")}


def test_one_whose_making_is_too_long_ago_is_not_known() -> None:
    (removed,) = parse_transactions("1795510891|Remove Associations|root|sandbox|id_assoc=10|\n", {}, OURS)
    assert removed.pairs == frozenset()


def test_other_clusters_associations_have_the_same_numbers_and_are_not_meant() -> None:
    text = "".join(
        f"1795510891|Modify Associations|root|{cluster}|(id_assoc=4)|mod_time=1, grp_submit_jobs=0\n"
        for cluster in ("beside", "sandbox")
    )
    records = "1795510892|Modify Accounts|root||(name='hpc_a')|organization='x'\n"
    found = parse_transactions(text + records, {4: ("hpc_a", "")}, OURS)
    assert [(one.action, one.pairs, one.names) for one in found] == [
        (MODIFY_ASSOCIATIONS, {("hpc_a", "")}, frozenset()),
        ("Modify Accounts", frozenset(), {"hpc_a"}),
    ]


def test_no_transactions_are_none() -> None:
    assert parse_transactions("", {}, OURS) == ()


@pytest.mark.parametrize(
    "text",
    [
        "sacctmgr: something odd\n",
        "yesterday|Add Accounts|root||hpc_a|\n",
        "1795510891|Add Accounts|root\n",
        "1795510891|Add Accounts|root||hpc_a\n",
        "1795510891|Add Accounts|root||hpc_a|description='x'",
    ],
)
def test_what_is_no_transaction_is_refused(text: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="sacctmgr show transactions"):
        parse_transactions(text, {}, OURS)


@pytest.mark.parametrize("text", ["x|hpc_a|\n", "1||\n", "1|hpc_a\n", "|hpc_a|ada\n"])
def test_an_association_without_id_or_account_is_refused(text: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="sacctmgr show assoc"):
        parse_association_ids(text)
