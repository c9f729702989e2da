"""What the pages say is what the code does: worked examples are carried out, named files are there."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from allocations import checkup_marketplace, checkup_prefect_faults, checkup_slurm_faults
from allocations.billing import amount_of, amounts_of
from allocations.checkup import table_of_faults
from allocations.components import parse_components
from allocations.desired import desired_limits
from allocations.shares import shares_of
from allocations.usage import seconds_by_account, tres_seconds
from slurm_io.parsing_jobs import parse_jobs

DOCS = Path(__file__).parent.parent / "docs"


def examples() -> list[dict[str, str]]:
    """The worked examples of the page about units: the left column to the right one."""
    page = (DOCS / "units.md").read_text()
    parts = re.split(r"^## Example \d.*$", page, flags=re.MULTILINE)[1:]
    rows = (re.findall(r"^\| (\S.*?) \| (\S.*?) \|$", part, re.MULTILINE) for part in parts)
    return [{left.strip("`"): right.strip("`") for left, right in found} for found in rows]


def test_there_are_two_worked_examples() -> None:
    assert [example["component"] for example in examples()] == ["cpu", "mem"]


@pytest.mark.parametrize("example", examples(), ids=lambda example: str(example["component"]))
def test_a_worked_example_comes_out_as_the_page_says(example: dict[str, str]) -> None:
    kind = example["component"]
    keys = "limit: 1, measured_unit: x, accounting_type: limit, label: x"
    components = parse_components(f"{kind}: {{{keys}, unit_factor: {example['unit_factor']}}}", "units.md")
    elapsed = int(example["its ElapsedRaw in seconds"])
    job = f"a|u|{example['a job' + chr(39) + 's AllocTRES']}|{elapsed}|0|{elapsed}|COMPLETED|1\n"

    seconds = seconds_by_account(tres_seconds(parse_jobs(job)))["a"]
    assert seconds[kind] == int(example["TRES-seconds"])
    exact = Decimal(seconds[kind]) / 60 / components[kind].unit_factor
    assert exact == Decimal(example["exact measured units"])
    assert amounts_of(seconds, components) == {kind: int(example["reported amount"])}

    minutes = desired_limits({kind: int(example["an order for"])}, components)
    assert ",".join(f"{tres}={number}" for tres, number in minutes.items()) == example["becomes GrpTRESMins"]


def test_the_worked_shares_of_users_come_out_as_the_page_says() -> None:
    page = (DOCS / "units.md").read_text()
    part = page.partition("## Users' shares")[2].partition("## ")[0]
    rows = re.findall(r"^\| (\w.*?) \| (\d+) \| ([\d.]+) \| (\d+) \|$", part, re.MULTILINE)
    *users, (name, total, _, amount) = rows
    assert name == "the allocation"
    assert int(total) == sum(int(seconds) for _, seconds, _, _ in users)
    assert int(amount) == amount_of(int(total), 60)
    assert all(Decimal(exact) == Decimal(seconds) / 3600 for _, seconds, exact, _ in rows)
    seconds = {user: int(used) for user, used, _, _ in users}
    assert shares_of(int(amount), seconds, 60) == {user: int(share) for user, _, _, share in users}


def test_the_glossary_explains_each_word_once_in_one_line() -> None:
    lines = (DOCS / "glossary.md").read_text().splitlines()
    entries = [line for line in lines if line.startswith("- ")]
    words = [word for line in entries for word in re.findall(r"\*\*`?([^*`]+)`?\*\*", line)]
    assert len(words) == len(set(words)) > 40
    assert all(re.match(r"- \*\*.+\*\*.*: \S.*[.)]$", line) for line in entries)
    assert set(lines) - set(entries) == {"", *(line for line in lines if line.startswith(("#", "One word")))}


def traps() -> list[list[str]]:
    """The rows of the page about accounting: number, trap, what we do, proof."""
    lines = (DOCS / "accounting.md").read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if re.match(r"\| \d+ \|", line)]
    return [[cell.strip() for cell in row] for row in rows]


def test_every_accounting_trap_is_on_the_page_once() -> None:
    assert [int(row[0]) for row in traps()] == list(range(1, 29))


@pytest.mark.parametrize("row", traps(), ids=lambda row: row[0])
def test_the_proof_of_an_accounting_trap_exists(row: list[str]) -> None:
    proof = re.fullmatch(r"`(tests/\S+\.py)(?:::(test_\w+))?(?:\[(.+)\])?`", row[3])
    assert proof, row[3]
    text = (DOCS.parent / proof[1]).read_text()
    assert f"def {proof[2] or 'test_'}" in text
    assert proof[3] is None or f'"{proof[3]}": (' in text


def test_the_page_about_observability_has_every_event_and_artifact_as_the_code_has_it() -> None:
    from flows.events import table_of_events  # noqa: PLC0415 - Prefect takes seconds
    from flows.links import BACKFILL_KEY, LINKED  # noqa: PLC0415 - the same
    from flows.run_progress import KEY  # noqa: PLC0415 - the same

    page = (DOCS / "observability.md").read_text()
    assert table_of_events() in page
    part = page.partition("## Artifacts")[2].partition("## Events")[0]
    named = re.findall(r"^\| `([\w-]+)` \|", part, re.MULTILINE)
    assert sorted(named) == sorted([*LINKED, f"{BACKFILL_KEY}-MONTH", KEY])


def test_the_doctor_s_page_has_every_finding_as_the_code_has_it() -> None:
    faults = (*checkup_marketplace.FAULTS, *checkup_slurm_faults.FAULTS, *checkup_prefect_faults.FAULTS)
    assert table_of_faults(faults) in (DOCS / "doctor.md").read_text()
