"""What was measured, as tables: on the terminal, and in docs/performance.md."""

import datetime as dt
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.database import ROOT

_FILE = ROOT / "docs" / "performance.md"
_WIDTH = 140


@dataclass
class Table:
    """One table with what a reader must know to judge it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]


def rate(count: int, seconds: float) -> str:
    """How many a second, with as many digits as mean something."""
    per_second = count / seconds
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:,.1f}"


def judge(is_met: bool) -> str:
    """Whether an aim is met, in a word."""
    return "met" if is_met else "missed"


def show(tables: Sequence[Table]) -> None:
    """Print the tables."""
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    for table in tables:
        grid = Grid(title=table.title, title_justify="left", title_style="bold")
        for place, column in enumerate(table.columns):
            grid.add_column(column, justify="right" if place else "left")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
        for note in table.notes:
            console.print(f"- {note}", highlight=False)
        console.print()


def write(tables: Sequence[Table], command: str, busy: float) -> Path:
    """Put tables into docs/performance.md, in place of those of the same name.

    `busy` is how many cores were busy just before the run of `command` began.
    """
    sections = _read_sections()
    # What a title counts may change from run to run; what it is about comes before.
    known = {_subject(title): title for title in sections}
    for table in tables:
        alignment = ["---", *["---:"] * (len(table.columns) - 1)]
        lines = [_row(line) for line in (table.columns, alignment, *table.rows)]
        notes = "\n".join(f"- {note}" for note in (*table.notes, _describe_run(command, busy)))
        title = known.get(_subject(table.title), table.title)
        sections[title] = f"## {table.title}\n\n" + "\n".join(lines) + f"\n\n{notes}"
    _FILE.write_text("\n\n".join([f"# Performance\n\n{_describe_machine()}", *sections.values()]) + "\n")
    return _FILE


def _read_sections() -> dict[str, str]:
    """Read the tables that are there, by title."""
    parts = _FILE.read_text().split("\n## ")[1:] if _FILE.exists() else []
    return {part.partition("\n")[0]: f"## {part.strip()}" for part in parts}


def _subject(title: str) -> str:
    return title.partition(" with ")[0]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _describe_run(command: str, busy: float) -> str:
    day = dt.datetime.now(dt.UTC).date()
    return f"Measured by `{command}` on {day:%-d %B %Y}, with {busy:.1f} of the cores busy just before."


def _describe_machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        "Each table is of one run, with everything real: PostgreSQL and Valkey from their wheels on the same machine."
        f"\n\nMachine: {os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}.\n\n"
        "This file is written by the benchmarks; absolute figures are this machine's, ratios travel better."
    )


def _processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()
