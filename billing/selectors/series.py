"""The proof that the numbers of invoices have no gap and no double."""

from dataclasses import dataclass

from billing.models import NumberSeries
from billing.selectors.inputs import rows


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """What a series should hold and what was found of it."""

    series: str
    expected: int
    found: int
    missing: int = 0
    first_gap: str = ""
    doubles: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        return self.found == self.expected and not (self.missing or self.doubles or self.beyond or self.malformed)

    @property
    def verdict(self) -> str:
        """Say it in a sentence."""
        if self.is_sound:
            return f"{self.series} is sound: {self.expected:,} given, each found once."
        faults = []
        if self.missing:
            faults.append(f"{self.missing:,} missing, the first {self.first_gap}")
        for name, numbers in (("given twice", self.doubles), ("beyond the counter", self.beyond)):
            if numbers:
                faults.append(f"{name}: {', '.join(numbers)}")
        if self.malformed:
            faults.append(f"malformed: {', '.join(self.malformed)}")
        return f"{self.series} is broken: {'; '.join(faults)}."


_NUMBERED = """
    WITH given AS (
        SELECT %s::bigint AS last
    ), numbered AS (
        SELECT number, CASE WHEN translate(rest, '0123456789', '') = '' AND length(rest) BETWEEN 6 AND 12
            THEN rest::bigint END AS place
        FROM (SELECT number, substr(number, %s) AS rest FROM billing_invoice WHERE number LIKE %s) of_series
    )
"""
# As many as there should be, all different, from 1 to the last: then none is missing and none is there twice.
_PROOF = "SELECT count(*), count(DISTINCT place), min(place), max(place) FROM numbered"
_FAULTS = """
    , places AS (
        SELECT place, count(*) AS times FROM numbered WHERE place IS NOT NULL GROUP BY place
    ), within AS (
        SELECT place, lag(place, 1, 0::bigint) OVER (ORDER BY place) AS former
        FROM places, given WHERE place BETWEEN 1 AND last
    )
    SELECT
        last - (SELECT count(*) FROM within),
        coalesce(
            (SELECT min(former) + 1 FROM within WHERE place > former + 1),
            (SELECT coalesce(max(place), 0) + 1 FROM within)
        ),
        ARRAY(SELECT place FROM places WHERE times > 1 ORDER BY place LIMIT 10),
        ARRAY(SELECT number FROM numbered WHERE place NOT BETWEEN 1 AND last ORDER BY place LIMIT 10),
        ARRAY(SELECT number FROM numbered WHERE place IS NULL ORDER BY number LIMIT 10)
    FROM given
"""


def get_series_report(series: NumberSeries) -> SeriesReport:
    """Compare the numbers that a series gave with those on invoices: each must be there, and once."""
    start, last = f"{series}-", series.last_number
    values = (last, len(start) + 1, f"{start}%")
    ((found, different, lowest, highest),) = rows(_NUMBERED + _PROOF, *values)
    if found == different == last and (not last or (lowest, highest) == (1, last)):
        return SeriesReport(str(series), last, found)
    ((missing, gap, doubles, beyond, malformed),) = rows(_NUMBERED + _FAULTS, *values)
    return SeriesReport(
        str(series),
        last,
        found,
        missing,
        first_gap=f"{start}{gap:06}" if missing else "",
        doubles=tuple(f"{start}{place:06}" for place in doubles),
        beyond=tuple(beyond),
        malformed=tuple(malformed),
    )


def list_strays() -> list[str]:
    """List numbers of issued invoices that no series gave, ten at most."""
    found = rows(
        """
        SELECT number FROM billing_invoice WHERE number IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM billing_numberseries series WHERE number LIKE series.prefix || '-' || series.year || '-%%'
        ) ORDER BY number LIMIT 10
        """
    )
    return [number for (number,) in found]
