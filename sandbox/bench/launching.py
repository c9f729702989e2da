"""One program, from a process that is small itself: Linux counts the starter's memory as the program's own.

`python -I -S launching.py FILE PROGRAM [WORD ...]` writes seconds, CPU seconds and peak KiB to the file.
"""

import os
import subprocess
import sys
import time


def main(file: str, *command: str) -> int:
    """The program's exit code."""
    began = time.perf_counter()
    with subprocess.Popen(command) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    taken = time.perf_counter() - began
    with open(file, "w") as facts:  # noqa: PTH123 - pathlib takes longer to import than all the rest
        facts.write(f"{taken} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}\n")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
