"""The recorded exchanges, and how ours are compared with them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPTURED = Path(__file__).parents[2] / "captured" / "cloudrock" / "exchanges.json"
RECORDED_HOST = "http://cloudrock.example.com"
UUID = re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
TIME = re.compile(r"(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d{6})?Z")
UNORDERED = "These components cannot be removed because they are already used: "
NAMED_HEADERS = ("Link", "X-Result-Count", "WWW-Authenticate")


@dataclass(frozen=True)
class Exchange:
    """One request and its recorded answer."""

    name: str
    actor: str
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]


def read_exchanges() -> list[Exchange]:
    return [Exchange(**one) for one in json.loads(CAPTURED.read_text(encoding="utf-8"))]


@dataclass
class Names:
    """Which of our uuids stands for which recorded one, each for exactly one."""

    host: str
    ours: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)

    def bind(self, recorded: str, our: str) -> bool:
        """Whether the two stand for each other, from now on if both are new."""
        if recorded not in self.ours and our not in self.theirs:
            self.ours[recorded] = our
            self.theirs[our] = recorded
        return self.ours.get(recorded) == our

    def translated(self, text: str) -> str:
        """Recorded text in our words. Uuids that nothing stands for stay as they are."""
        return UUID.sub(self._our, text.replace(RECORDED_HOST, self.host))

    def _our(self, match: re.Match[str]) -> str:
        recorded = match.group()
        our = self.ours.get(recorded.replace("-", ""), recorded)
        if "-" in recorded and "-" not in our:
            return "-".join((our[:8], our[8:12], our[12:16], our[16:20], our[20:]))
        return our


def differences(recorded: object, ours: object, names: Names, where: str = "body") -> Iterator[str]:
    """Where the two differ in shape, in constant texts, or in values that follow from the requests."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        yield from _in_objects({names.ours.get(k, k): v for k, v in recorded.items()}, ours, names, where)
    elif isinstance(recorded, list) and isinstance(ours, list):
        if len(recorded) != len(ours):
            yield f"{where}: {len(recorded)} recorded, {len(ours)} ours"
        for number, (one, other) in enumerate(zip(recorded, ours, strict=False)):
            yield from differences(one, other, names, f"{where}[{number}]")
    elif isinstance(recorded, str) and isinstance(ours, str):
        if not same_text(recorded, ours, names):
            yield f"{where}: {recorded!r} recorded, {ours!r} ours"
    elif type(recorded) is not type(ours) or recorded != ours:
        yield f"{where}: {recorded!r} recorded, {ours!r} ours"


def _in_objects(
    recorded: dict[str, object], ours: dict[str, object], names: Names, where: str
) -> Iterator[str]:
    """No key may be missing, and none may be more."""
    if set(recorded) != set(ours):
        missing, extra = sorted(set(recorded) - set(ours)), sorted(set(ours) - set(recorded))
        yield f"{where}: missing {missing}, extra {extra}"
    for key in sorted(recorded.keys() & ours.keys()):
        yield from differences(recorded[key], ours[key], names, f"{where}.{key}")


def same_text(recorded: str, ours: str, names: Names) -> bool:
    """Tokens and times of day are not compared, uuids must stand for each other, all else is equal."""
    if recorded == "TOKEN":
        return bool(re.fullmatch(r"[0-9a-f]{40}", ours))
    their_time, our_time = TIME.fullmatch(recorded), TIME.fullmatch(ours)
    if their_time and our_time:
        return their_time[1] == our_time[1]
    if recorded.startswith(UNORDERED) and ours.startswith(UNORDERED):
        return sorted(recorded.removeprefix(UNORDERED).split(", ")) == sorted(
            ours.removeprefix(UNORDERED).split(", ")
        )
    their_uuids, our_uuids = UUID.findall(recorded), UUID.findall(ours)
    if len(their_uuids) != len(our_uuids):
        return False
    bound = all(names.bind(one, other) for one, other in zip(their_uuids, our_uuids, strict=True))
    return bound and names.translated(recorded) == ours
