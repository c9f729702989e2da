"""The components' file: strict, and it says everything that is wrong at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.components import AccountingType, parse_components
from allocations.errors import InvalidComponents

GOOD = {"limit": "600", "measured_unit": "hours", "accounting_type": "usage", "label": "CPU"}
KEYS = "limit, measured_unit, accounting_type, label, unit_factor"


def component(kind: str = "cpu", **keys: str | None) -> str:
    lines = [f"  {key}: {value}" for key, value in {**GOOD, **keys}.items() if value is not None]
    return "\n".join([f"{kind}:", *lines, ""])


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidComponents) as caught:
        parse_components(text, "site.yaml")
    return str(caught.value).splitlines()


def test_a_component_is_what_the_file_says() -> None:
    (found,) = parse_components(component("gres/gpu:a100", unit_factor="60"), "f").values()
    assert found.model_dump() == {
        "type": "gres/gpu:a100",
        "limit": 600,
        "measured_unit": "hours",
        "accounting_type": AccountingType.USAGE,
        "label": "CPU",
        "unit_factor": 60,
    }


def test_a_unit_factor_left_out_is_one() -> None:
    assert parse_components(component(), "f")["cpu"].unit_factor == 1


def test_the_components_keep_the_files_order() -> None:
    assert list(parse_components(component("mem") + component("cpu"), "f")) == ["mem", "cpu"]


def test_the_repositorys_own_file_is_right() -> None:
    path = Path(__file__).parents[2] / "config-components.yaml"
    found = parse_components(path.read_text(), path.name)
    assert {kind: c.limit for kind, c in found.items()} == {
        "cpu": 600000,
        "gres/gpu": 60000,
        "mem": 614400000,
    }


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("limits", "1", f"unknown key: expected one of {KEYS}"),
        ("1", "x", "Keys should be strings, found 1"),
        ("limit", None, "missing"),
        ("measured_unit", None, "missing"),
        ("accounting_type", None, "missing"),
        ("label", None, "missing"),
        ("limit", "-1", "greater than or equal to 0, found -1"),
        ("limit", "9007199254740993", "less than or equal to 9007199254740992"),
        ("limit", "true", "valid integer, found True"),
        ("limit", "5.0", "valid integer, found 5.0"),
        ("limit", "1e3", "valid integer, found '1e3'"),
        ("limit", "'600'", "valid integer, found '600'"),
        ("limit", "", "valid integer, found None"),
        ("limit", "[600]", "valid integer, found [600]"),
        ("unit_factor", "0", "greater than or equal to 1, found 0"),
        ("unit_factor", "1.5", "valid integer, found 1.5"),
        ("unit_factor", "yes", "valid integer, found True"),
        ("accounting_type", "fixed", "'usage' or 'limit', found 'fixed'"),
        ("accounting_type", "Usage", "'usage' or 'limit', found 'Usage'"),
        ("measured_unit", "60", "valid string, found 60"),
        ("measured_unit", "''", "at least 1 character"),
        ("label", "' '", "should match pattern"),
        ("label", "x" * 151, "at most 150 characters"),
    ],
)
def test_a_finding_names_file_component_and_key(key: str, value: str | None, words: str) -> None:
    (line,) = problems(component(**{key: value}))
    assert line.startswith(f"site.yaml: component 'cpu': key {key!r}: ")
    assert words in line


def test_a_key_named_type_is_unknown() -> None:
    assert problems(component(type="mem")) == [
        f"site.yaml: component 'cpu': key 'type': unknown key: expected one of {KEYS}"
    ]


@pytest.mark.parametrize(
    "kind", ["g pu", "cpu.x", "cpu=4", "cpü", "'a,b'", "''", "x" * 51, "1", "yes", "~", '"cpu\\n"']
)
def test_a_component_is_named_as_the_marketplace_takes_it(kind: str) -> None:
    (line,) = problems(component(kind))
    assert "illegal type name: expected 1 to 50 letters" in line


@pytest.mark.parametrize("body", ["", "5", "[limit]", "usage"])
def test_a_component_has_keys_below_it(body: str) -> None:
    (line,) = problems(f"cpu: {body}")
    assert line.startswith(f"site.yaml: component 'cpu': expected keys below it ({KEYS}), found ")


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "- cpu", "cpu", "{}", "null", "5"])
def test_a_file_without_components_says_what_one_looks_like(text: str) -> None:
    (line,) = problems(text)
    assert line.startswith("site.yaml: expected components by type, such as `cpu:` with limit, measured_unit")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (component() + component(), "line 6: 'cpu' stands here a second time"),
        ("cpu: {limit: 1, limit: 2}", "line 1: 'limit' stands here a second time"),
        ("cpu: [", "line 1: "),
        ("\tcpu: 1", "line 1: "),
        ("a: 1\n---\nb: 2", "line 2: "),
        ("cpu: \x07", "special characters are not allowed"),
        ("cpu: !!python/object/apply:os.system [ls]", "line 1: aliases and tags are not used in this file"),
        ("cpu: !!timestamp x", "aliases and tags"),
        ("cpu: !!int x", "aliases and tags"),
        ("cpu: &a {limit: 1}\nmem: *a", "line 2: aliases and tags"),
        ("cpu: &a [*a]", "aliases and tags"),
        ("cpu:\n  <<: {limit: 1}", "line 2: expected a plain key"),
        ("? [cpu]\n: 1", "expected a plain key"),
        ("? {a: b}\n: 1", "expected a plain key"),
        ("cpu: {label: 2001-99-99}", "month must be in 1..12"),
        ("[" * 1200, "recursion"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_by_line(text: str, words: str) -> None:
    (line,) = problems(text)
    assert line.startswith("site.yaml: ")
    assert words in line


@pytest.mark.parametrize("number", ["010", "0x10", "1_000", "1:30", "0b1", "+5", "1" * 19])
def test_a_number_is_plainly_decimal(number: str) -> None:
    (line,) = problems(component(limit=number))
    assert line == f"site.yaml: line 2: expected a plain decimal number, found {number}"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = (
        component("cpu", limit="-1", label=None) + component("g pu") + "mem: 5\n" + component("node", x="1")
    )
    assert [line.split(": ")[1:3] for line in problems(text)] == [
        ["component 'cpu'", "key 'limit'"],
        ["component 'cpu'", "key 'label'"],
        ["component 'g pu'", "illegal type name"],
        ["component 'mem'", f"expected keys below it ({KEYS}), found 5"],
        ["component 'node'", "key 'x'"],
    ]


PIECES = st.sampled_from(
    [
        "cpu",
        "limit",
        ":",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&a",
        "*a",
        "!!int ",
        "<<",
        "1",
        "010",
        "~",
        "?",
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text())
def test_any_text_is_components_or_a_refusal_that_names_the_file(text: str) -> None:
    try:
        assert parse_components(text, "site.yaml")
    except InvalidComponents as refusal:
        lines = str(refusal).splitlines()
    else:
        lines = ["site.yaml: "]
    assert all(line.startswith("site.yaml: ") for line in lines)
    assert lines
