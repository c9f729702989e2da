"""Make the virtual environment from the lock: `make_venv.py FOLDER LOCK`.

Runs on the system's Python before anything is installed, so it uses the standard library only.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

OLDEST = (3, 11)


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(text + "\n")


def ensure_pip() -> bool:
    """True when this Python can put pip into an environment; Debian keeps that in a package of its own."""
    if importlib.util.find_spec("ensurepip"):
        return True
    if os.geteuid() == 0 and (apt := shutil.which("apt-get")):
        say("This Python has no ensurepip: installing Debian's python3-venv")
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "python3-venv"]):
            if subprocess.run([apt, *arguments], check=False).returncode:  # noqa: S603
                return False
        return True
    say("This Python has no ensurepip: install Debian's package python3-venv, then run make again")
    return False


def main() -> int:
    """Create FOLDER with every package of LOCK, checked by hash, and this checkout installed editable."""
    folder, lock = Path(sys.argv[1]), Path(sys.argv[2])
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        say(f"Python {found} is too old: 3.11 or newer is needed. Name one: make PYTHON=python3.11 ...")
        return 2
    python = folder / "bin" / "python"
    if not python.exists():
        if not ensure_pip():
            return 1
        say(f"Making {folder} (about two minutes, once)")
        venv.create(folder, with_pip=True, clear=folder.exists())
    # twice quiet: errors only. A machine's index settings can make pip warn about every package, for pages
    pip = [str(python), "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check", "install"]
    locked = ["--require-hashes", "--no-deps", "-r", str(lock)]  # the lock is complete, pip resolves nothing
    this_checkout = ["--no-deps", "--no-build-isolation", "--editable", "."]
    for arguments in (locked, this_checkout):
        code = subprocess.run([*pip, *arguments], check=False).returncode  # noqa: S603
        if code:
            say(f"pip could not install {arguments[-1]}: see its words above, then run make again")
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
