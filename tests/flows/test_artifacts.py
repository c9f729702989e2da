"""What people read in a table is what was written, whatever a customer typed."""

from __future__ import annotations

import pytest

from flows.artifacts import plain


@pytest.mark.parametrize(
    ("typed", "cell"),
    [
        ("+ account hpc_1a2b3_x under hpc_77", r"\+ account hpc_1a2b3_x under hpc_77"),
        ("~ limits of hpc_1", r"\~ limits of hpc_1"),
        ("[click](http://evil.example)", r"\[click\](http://evil.example)"),
        ("![x](http://evil.example/x.png)", r"!\[x\](http://evil.example/x.png)"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
        ("a|b `c` *d*", r"a\|b \`c\` \*d\*"),
        ("# heading", r"\# heading"),
        ("C# and a-b", "C# and a-b"),
        ("hpc_13f78_protein", "hpc_13f78_protein"),
    ],
)
def test_markdown_in_a_cell_is_shown_not_rendered(typed: str, cell: str) -> None:
    assert plain(typed) == cell


@pytest.mark.parametrize("value", [7, None, 1.5])
def test_numbers_stay_numbers(value: object) -> None:
    assert plain(value) is value
