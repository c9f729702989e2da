"""Text of sacctmgr and squeue that was cut or garbled is read or refused, and never guessed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, ClusterName
from allocations.model import Account, ClusterState
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing_cluster import (
    parse_active,
    parse_associations,
    with_default_accounts,
    with_organizations,
)
from tests.slurm_io.broken import broken_lines, garbled

if TYPE_CHECKING:
    from collections.abc import Callable

C = ClusterName("c")
GOOD_ASSOC = "c|root|||||\nc|root|root||||\nc|hpc_a||root|cpu=60000,mem=1.50G|0|\nc|hpc_a|ada|||0|0\n"
GOOD_ACCOUNTS = "root|root\nhpc_a|cloudrock-slurm\n"
GOOD_USERS = "root|root\nada|hpc_a\neve|\n"
GOOD_JOBS = "12|hpc_a|ada\n13|hpc_a|eve\n"
BARE = ClusterState({ROOT: Account(ROOT, None), AccountName("hpc_a"): Account(AccountName("hpc_a"), ROOT)})
PARSERS: list[tuple[Callable[[str], object], str]] = [
    (lambda text: parse_associations(text, C), GOOD_ASSOC),
    (lambda text: with_organizations(BARE, text), GOOD_ACCOUNTS),
    (lambda text: with_default_accounts(BARE, text), GOOD_USERS),
    (lambda text: parse_active(text, "squeue"), GOOD_JOBS),
]


@pytest.mark.parametrize(("parse", "good"), PARSERS)
def test_text_cut_inside_a_line_is_never_accepted(parse: Callable[[str], object], good: str) -> None:
    parse(good)
    for text in broken_lines(good):
        with pytest.raises(UnexpectedSlurmOutput):
            parse(text)


@given(garbled(GOOD_ASSOC) | st.text())
def test_garbled_associations_are_read_or_refused_and_never_crash(text: str) -> None:
    try:
        cluster = parse_associations(text, C)
    except UnexpectedSlurmOutput:
        return
    assert ROOT in cluster.accounts


@pytest.mark.parametrize(("parse", "good"), PARSERS[1:])
@given(picks=st.data())
def test_other_garbled_text_is_read_or_refused_and_never_crashes(
    parse: Callable[[str], object], good: str, picks: st.DataObject
) -> None:
    try:
        parse(picks.draw(garbled(good) | st.text()))
    except UnexpectedSlurmOutput as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
