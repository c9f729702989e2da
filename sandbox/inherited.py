"""The environment that the sandbox's programs inherit: the only place of the sandbox that reads it."""

from __future__ import annotations

import os

HERE = "127.0.0.1,localhost"
"""Where all servers of the sandbox are."""
NO_PROXY = ("no_proxy", "NO_PROXY")
"""Programs look at one or the other."""


def environment() -> dict[str, str]:
    """A copy of this process's own; a proxy that it names is not asked for the sandbox's servers."""
    found = dict(os.environ)
    if any(name.lower().endswith("_proxy") for name in found):
        known = next((found[name] for name in NO_PROXY if found.get(name)), "")
        found |= dict.fromkeys(NO_PROXY, f"{known},{HERE}".lstrip(","))
    return found
