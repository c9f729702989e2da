"""What a variable of the environment means, in words: for complaints, and for docs/configuration.md."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo


CHANGE_ME = "CHANGE-ME"
"""What the example files have in the place of a password."""


def variable(name: str, meaning: str, expected: str, default: Any = ...) -> Any:  # noqa: ANN401 - as pydantic's Field
    """A field that is read from one variable; `expected` completes the sentence `expected ...`."""
    return Field(
        default, validation_alias=name, description=meaning, json_schema_extra={"expected": expected}
    )


def expected(field: FieldInfo) -> str:
    """What a variable may hold, in words."""
    extra = field.json_schema_extra
    return str(extra["expected"]) if isinstance(extra, dict) else ""


def complaints(model: type[BaseModel], error: ValidationError) -> list[str]:
    """`VARIABLE: missing, expected ...`, once for each finding; values of secrets are never repeated."""
    return list(dict.fromkeys(_complaints(model, error)))


def _complaints(model: type[BaseModel], error: ValidationError) -> Iterator[str]:
    by_name = model.model_fields
    by_variable = {str(field.validation_alias): field for field in by_name.values()}
    for finding in error.errors():
        place = str(finding["loc"][0])
        field = by_variable.get(place) or by_name[place]
        if finding["type"] == "missing":
            said = "missing"
        elif field.annotation is SecretStr:
            said = "bad value"
        else:
            said = f"bad value {finding['input']!r}"
        yield f"{field.validation_alias}: {said}: expected {expected(field)}"


def table_of_variables(model: type[BaseModel]) -> str:
    """The table of docs/configuration.md; what is required comes first."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for field in sorted(model.model_fields.values(), key=lambda field: not field.is_required()):
        required = field.is_required()
        default = field.default.value if isinstance(field.default, Enum) else field.default
        if isinstance(default, bool):
            default = str(default).lower()
        shown = "**required**" if required else f"`{default}`" if default is not None else ""
        rows.append(f"| `{field.validation_alias}` | {shown} | {field.description}: {expected(field)} |")
    return "\n".join(rows)
