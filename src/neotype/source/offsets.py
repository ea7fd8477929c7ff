"""Times with offsets from UTC that change down a column, as where clocks are put forward."""

from __future__ import annotations

import polars as pl

from neotype.schema.temporal import find_format, parse

_TAIL = r" ?(Z|[+-]\d\d:?\d\d)$"
_TIME = rf"^\d.*\d:\d\d(:\d\d(\.\d+)?)?{_TAIL}"
_ZONES = (
    *("Europe/Berlin", "Europe/London", "Europe/Athens", "Europe/Lisbon", "Europe/Moscow"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("America/Anchorage", "America/Halifax", "America/St_Johns", "America/Sao_Paulo"),
    *("America/Santiago", "America/Havana", "America/Mexico_City", "Asia/Jerusalem"),
    *("Asia/Beirut", "Asia/Tehran", "Africa/Cairo", "Africa/Casablanca", "Australia/Sydney"),
    *("Australia/Adelaide", "Australia/Lord_Howe", "Pacific/Auckland"),
)
"""A zone of each rule by which clocks are changed."""


def zoned(text: pl.Series) -> tuple[pl.Series, str] | None:
    """The cells as times of a zone, and the format that writes them; None where they are no such.

    The zone is one that had these offsets at these times, so that every cell is written back as it
    was. Where none had, the times are those of UTC and are written so.
    """
    present = text.drop_nulls()
    if present.is_empty() or not bool(present.head(50).str.contains(_TIME).all()):
        return None
    if not bool(present.str.contains(_TIME).all()):
        return None
    tails = text.str.extract(_TAIL)
    if tails.drop_nulls().n_unique() < 2:
        return None  # one offset is part of the format, and the column stays text
    bare = text.str.replace(_TAIL, "")
    found = find_format(bare.drop_nulls())
    if found is None or found[1] != "datetime":
        return None
    clock = parse(bare, *found)
    instants = (clock - _ahead(tails)).dt.replace_time_zone("UTC")
    space = " " if bool(present.str.contains(rf" {_TAIL[2:]}").all()) else ""
    mark = "%:z" if bool(tails.drop_nulls().str.contains(":").any()) else "%z"
    zone = next((one for one in _ZONES if _keeps(instants, clock, one)), "UTC")
    return instants.dt.convert_time_zone(zone), found[0] + space + mark


def _ahead(tails: pl.Series) -> pl.Series:
    """How far the clock is ahead of UTC."""
    hours, minutes = (
        tails.str.extract(r"(\d\d):?(\d\d)$", part).cast(pl.Int64).fill_null(0) for part in (1, 2)
    )
    sign = pl.Series(tails.str.starts_with("-").fill_null(False)).cast(pl.Int64) * -2 + 1
    return (sign * (hours * 60 + minutes) * 60_000_000).cast(pl.Duration("us"))


def _keeps(instants: pl.Series, clock: pl.Series, zone: str) -> bool:
    """Whether clocks of this zone said so at all these times."""
    for rows in (50, len(clock)):
        there = instants.head(rows).dt.convert_time_zone(zone).dt.replace_time_zone(None)
        if not bool(there.eq_missing(clock.head(rows)).all()):
            return False
    return True
