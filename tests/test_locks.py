"""The image's lock is the part of the checkout's lock that is needed at run time, and nothing else."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
BUILDER = "hatchling"
"""It makes the package inside the image."""


def locked(name: str) -> dict[str, str]:
    """Each pinned package with its marker and its hashes."""
    text = (ROOT / name).read_text()
    pins = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?(==.*(?:\n    .*)*)", text, re.MULTILINE)
    return {str(canonicalize_name(package)): rest for package, rest in pins}


def needed(requirements: list[str]) -> set[str]:
    """The packages that these need on this machine, down to the last."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            key = (str(canonicalize_name(requirement.name)), wanted)
            if key not in found:
                found.add(key)
                below = distribution(requirement.name).requires or []
                waiting += [(Requirement(text), wanted) for text in below]
    return {name for name, _ in found}


def test_what_the_image_s_lock_pins_the_checkout_s_pins_alike() -> None:
    ours, whole = locked("requirements-service.lock"), locked("requirements.lock")
    assert {name: pin for name, pin in ours.items() if whole.get(name) != pin} == {}


def test_the_image_s_lock_has_what_the_package_needs_and_no_tool_of_its_developers() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = needed([*project["dependencies"], BUILDER])
    pins = locked("requirements-service.lock")
    assert wanted - set(pins) == set()
    only_elsewhere = {name for name, pin in pins.items() if ";" in pin.splitlines()[0]}
    assert set(pins) - wanted - only_elsewhere == set()
