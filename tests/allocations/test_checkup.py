"""A healthy site gets OK everywhere; each illness gets its own words, and hides nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from allocations import checkup_marketplace as market
from allocations import checkup_prefect_faults as prefect
from allocations import checkup_slurm_faults as slurm
from allocations.checkup import (
    Area,
    Check,
    Diagnosis,
    Fault,
    Level,
    brief,
    in_order,
    table_of_faults,
    well,
    worst,
    wrong,
)
from allocations.checkup_marketplace import MarketplaceFacts, diagnose_marketplace
from allocations.checkup_prefect import PrefectFacts, diagnose_prefect
from allocations.checkup_slurm import SlurmFacts, diagnose_slurm
from allocations.deployments import differences
from tests.allocations.checkup_cases import ILL, WELL
from tests.allocations.checkup_sites import DECLARED, HELD, MARKETPLACE, PREFECT, SLURM
from tests.allocations.checkup_unseen import UNKNOWN

FAULTS = (*market.FAULTS, *slurm.FAULTS, *prefect.FAULTS)
SETTINGS_FAULTS = {market.SETTINGS_BAD, market.COMPONENTS_BAD}
"""Those come from exceptions: tests/cloudrock_slurm/test_doctor.py."""


def diagnosed(facts: MarketplaceFacts | SlurmFacts | PrefectFacts) -> list[Diagnosis]:
    if isinstance(facts, MarketplaceFacts):
        return list(diagnose_marketplace(facts))
    return list(diagnose_slurm(facts) if isinstance(facts, SlurmFacts) else diagnose_prefect(facts))


@pytest.mark.parametrize("facts", [MARKETPLACE, SLURM, PREFECT], ids=lambda facts: type(facts).__name__)
def test_a_healthy_site_is_ok_everywhere(facts: Any) -> None:
    assert {one.level for one in diagnosed(facts)} == {Level.OK}


def test_a_healthy_site_is_looked_at_from_all_sides() -> None:
    found = [one.check for facts in (MARKETPLACE, SLURM, PREFECT) for one in diagnosed(facts)]
    assert set(Check) - set(found) == {Check.SETTINGS, Check.COMPONENTS, Check.CONTAINER}
    assert len(found) == len(set(found))


@pytest.mark.parametrize(("facts", "fault", "words"), ILL.values(), ids=ILL)
def test_an_illness_is_named_with_why_and_what_mends_it(facts: Any, fault: Fault, words: str) -> None:
    (one,) = [one for one in diagnosed(facts) if one.check is fault.check]
    assert (one.level, one.why) == (fault.level, fault.why)
    assert words in one.found
    assert one.mend
    assert "{" not in one.mend


@pytest.mark.parametrize(("facts", "fault", "words"), ILL.values(), ids=ILL)
def test_an_illness_hides_no_other_check(facts: Any, fault: Fault, words: str) -> None:
    healthy = {MarketplaceFacts: MARKETPLACE, SlurmFacts: SLURM, PrefectFacts: PREFECT}[type(facts)]
    checks = {one.check for one in diagnosed(facts)} | {fault.check}
    expected = {one.check for one in diagnosed(healthy)}
    if getattr(facts, "container", None):
        expected = expected - {Check.COMMANDS} | {Check.CONTAINER}
    if getattr(facts, "served", None):
        expected -= {Check.POOL, Check.DEPLOYMENTS, Check.AUTOMATIONS}
    assert checks == expected


def test_every_fault_that_there_is_stands_in_the_table() -> None:
    assert {fault for _, fault, _ in ILL.values()} | SETTINGS_FAULTS == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.meaning)
def test_a_fault_is_worse_than_ok_and_says_all_that_it_should(fault: Fault) -> None:
    assert fault.level.badness > 0
    assert all((fault.meaning, fault.why, fault.mend))
    assert "{" not in fault.mend_shown


@pytest.mark.parametrize(("facts", "check", "words"), WELL.values(), ids=WELL)
def test_what_looks_unusual_and_is_well_is_ok(facts: Any, check: Check, words: str) -> None:
    (one,) = [one for one in diagnosed(facts) if one.check is check]
    assert one.level is Level.OK
    assert words in one.found


@pytest.mark.parametrize(("facts", "checks"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_could_not_be_looked_at_is_a_warning_and_never_ok(facts: Any, checks: set[Check]) -> None:
    unseen = [one for one in diagnosed(facts) if one.found.startswith("not looked at: ")]
    assert {one.check for one in unseen} == checks
    assert {one.level for one in unseen} <= {Level.WARNING}


def test_the_report_is_in_the_order_of_the_checks_and_the_worst_first() -> None:
    off, ok = wrong(market.CLOCK_OFF, "31 s"), well(Check.CLOCK, "0 s")
    far, first = wrong(market.CLOCK_FAR_OFF, "999 s"), well(Check.SETTINGS, "complete")
    assert in_order([ok, off, far, first]) == (first, far, off, ok)
    assert all(check.title for check in Check)
    assert [check.area for check in Check] == sorted((c.area for c in Check), key=list(Area).index)


def test_the_worst_level_decides_and_nothing_at_all_is_ok() -> None:
    ok, off, far = well(Check.CLOCK, ""), wrong(market.CLOCK_OFF, ""), wrong(market.CLOCK_FAR_OFF, "")
    assert [worst(few).badness for few in ([], [ok], [ok, off], [off, far, ok])] == [0, 0, 1, 2]


def test_many_names_are_told_in_brief() -> None:
    assert brief("cba") == "a, b, c"
    assert brief("abcdefg") == "a, b, c, d, e and 2 more"


def test_deployments_are_compared_whatever_the_order_of_their_schedules() -> None:
    two = [*DECLARED["schedules"], {"interval": 60, "slug": "a", "active": True}]  # type: ignore[misc]
    held = [{"schedule": {"interval": 60.0}, "slug": "a", "active": True}, *HELD["schedules"]]  # type: ignore[misc]
    assert list(differences({**DECLARED, "schedules": two}, {**HELD, "schedules": held})) == []


def test_a_page_shows_each_fault_in_a_row_with_names_in_capitals() -> None:
    table = table_of_faults([slurm.NO_DEFAULT_ACCOUNT])
    assert table.startswith("| area | check | level | what is found | why it matters | what mends it |\n|---")
    assert "\n| SLURM | default account | error | the default account is not on the cluster | users" in table
    assert table.endswith(" | sacctmgr -i add account name=ACCOUNT |")
