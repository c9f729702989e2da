"""Write constraints.txt from requirements.lock: `constraints.py LOCK CONSTRAINTS`.

The same versions and markers without the hashes: for `pip install --constraint`, for pipx, and for whoever
lists what an installation holds. Runs on the system's Python, so it uses the standard library only.
"""

import sys
from pathlib import Path

HEAD = "# The versions of requirements.lock, written from it by scripts/constraints.py (`make lock`)\n"


def constraints_of(lock: str) -> str:
    """One line `name==version`, with its marker where it has one, per package of the lock."""
    pins = [line.removesuffix("\\").rstrip() for line in lock.splitlines() if line[:1].isalnum()]
    return HEAD + "".join(f"{pin}\n" for pin in pins)


def main() -> None:
    """Read the first file, write the second."""
    lock, constraints = map(Path, sys.argv[1:])
    constraints.write_text(constraints_of(lock.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
