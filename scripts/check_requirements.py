"""Check, without a network, that the lock files fit `pyproject.toml`; `make lock` makes them anew."""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_ROOT = Path(__file__).resolve().parent.parent
_PIN = re.compile(r"^(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[^\s;]+)")
_DIRECT = re.compile(r"^\s+#.* huntaze \(pyproject\.toml")


def read_lock(path: Path) -> tuple[dict[str, Version], set[str]]:
    """The pinned versions of a lock file, and which of its packages `pyproject.toml` itself asks for."""
    pins: dict[str, Version] = {}
    direct: set[str] = set()
    name = ""
    for line in path.read_text().splitlines():
        if match := _PIN.match(line):
            name = canonicalize_name(match["name"])
            pins[name] = Version(match["version"])
        elif _DIRECT.match(line):
            direct.add(name)
    return pins, direct


def compare(path: Path, wanted: list[Requirement]) -> Iterator[str]:
    """What differs between a lock file and the requirements it should hold, a line each."""
    pins, direct = read_lock(path)
    asked = {canonicalize_name(requirement.name): requirement for requirement in wanted}
    for name, requirement in asked.items():
        if name not in direct:
            yield f"{path.name} lacks {name}"
        elif not requirement.specifier.contains(pins[name], prereleases=True):
            yield f"{path.name} pins {name} {pins[name]}, pyproject.toml wants {requirement.specifier}"
    for surplus in sorted(direct - asked.keys()):
        yield f"{path.name} holds {surplus}, which pyproject.toml no longer names"
    if "://" in path.read_text():
        yield f"{path.name} names a host"


def find_differences() -> Iterator[str]:
    """What is out of step among `pyproject.toml`, `requirements.txt` and `requirements-dev.txt`."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    production = [Requirement(text) for text in project["project"]["dependencies"]]
    development = [Requirement(text) for text in project["dependency-groups"]["dev"]]
    lock, lock_dev = _ROOT / "requirements.txt", _ROOT / "requirements-dev.txt"
    yield from compare(lock, production)
    yield from compare(lock_dev, production + development)
    pins, pins_dev = read_lock(lock)[0], read_lock(lock_dev)[0]
    for name, version in pins.items():
        if pins_dev.get(name) != version:
            yield f"{lock.name} pins {name} {version}, {lock_dev.name} {pins_dev.get(name)}"


if __name__ == "__main__":
    differences = list(find_differences())
    if differences:
        sys.exit("\n".join([*differences, "Run `make lock`."]))
