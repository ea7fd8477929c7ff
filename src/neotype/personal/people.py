"""Invented people, by number: person n of a key is the same whenever and wherever it is asked for.

Nobody is drawn: all that a person is follows from the number by permutations, so that what shall
differ differs by construction, and any block of rows can be made first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.permutation import Numbers, Permutation, mix
from neotype.personal.places import Place, place
from neotype.personal.pools import Pools, folded, pools

Ints = NDArray[np.int64]

_HOUSES = 199
_WOMEN = frozenset(
    (
        *("f", "female", "w", "weiblich", "frau", "woman", "femme", "féminin", "feminin", "girl"),
        *("femenino", "mujer", "donna", "femmina", "vrouw", "kvinna", "mrs", "ms", "miss", "mme"),
    )
)
_MEN = frozenset(
    (
        *("m", "male", "männlich", "mann", "man", "homme", "masculin", "hombre", "masculino"),
        *("uomo", "maschio", "herr", "mr", "h", "boy"),
    )
)
_DOMAINS = pl.Series(["example.com", "example.org", "example.net"])
_LETTERS = pl.Series(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


def sexes(cells: pl.Series) -> Ints | None:
    """0 for men, 1 for women, −1 for neither; None where the column does not tell sexes."""
    text = cells.cast(pl.String).str.strip_chars().str.to_lowercase()
    woman, man = text.is_in(list(_WOMEN)).fill_null(False), text.is_in(list(_MEN)).fill_null(False)
    if not (woman | man).any():
        return None
    return np.where(woman.to_numpy(), 1, np.where(man.to_numpy(), 0, -1)).astype(np.int64)


@dataclass(frozen=True)
class People:
    """The people of these numbers. `row` holds what is known of each, by category or as `sex`.

    With `apart` no two have a street and number or a phone in common, however many there are;
    without, the natural ones are given again when all are taken.
    """

    numbers: Numbers
    key: str
    locale: str = "en"
    row: Mapping[str, pl.Series] = field(default_factory=dict)
    apart: bool = False

    @property
    def place(self) -> Place:
        """Where they live."""
        return place(self.locale)

    @property
    def pools(self) -> Pools:
        """What they may be called."""
        return pools(self.locale)

    def index(self, what: str, size: int) -> Numbers:
        """A number below `size` each; no two alike among `size` people in succession."""
        below = self.numbers % np.uint64(size)
        return Permutation(size, f"{self.key}/{what}").apply(below)

    def turn(self, size: int) -> Numbers:
        """How many times `size` people were made before each."""
        return self.numbers // np.uint64(size)

    def beyond(self, size: int) -> Numbers:
        """The turn of those who must differ from all before; nobody else needs one."""
        return self.turn(size) if self.apart else np.zeros_like(self.numbers)

    def toss(self, what: str, sides: int) -> Ints:
        """A number below `sides` each, as if by chance."""
        digest = hashlib.blake2b(f"{self.key}/{what}".encode(), digest_size=8).digest()
        spun = mix(self.numbers, np.uint64(int.from_bytes(digest, "little")))
        return ((spun >> np.uint64(11)) % np.uint64(sides)).astype(np.int64)

    def tag(self, what: str) -> pl.Series:
        """A number of four digits or more, of its own for each."""
        start, size = np.uint64(0), np.uint64(9000)
        out = np.zeros(len(self.numbers), dtype=np.uint64)
        left = np.ones(len(self.numbers), dtype=bool)
        while left.any():
            here = left & (self.numbers < start + size)
            spread = Permutation(int(size), f"{self.key}/{what}").apply(self.numbers[here] - start)
            out[here] = spread + size // np.uint64(9)
            left &= ~here
            start, size = start + size, size * np.uint64(10)
        return pl.Series(out).cast(pl.String)

    @cached_property
    def women(self) -> Ints:
        """1 for women, 0 for men: as the row says, else by chance."""
        chance = self.toss("sex", 2)
        told = sexes(self.row["sex"]) if "sex" in self.row else None
        return chance if told is None else np.where(told < 0, chance, told)

    @property
    def namesakes(self) -> int:
        """How many people have names of their own."""
        return min(len(self.pools.men), len(self.pools.women)) * len(self.pools.last)

    @cached_property
    def _names(self) -> tuple[Ints, Ints]:
        """Places in the lists of first names (spread over the longer list) and of last names."""
        few = min(len(self.pools.men), len(self.pools.women))
        first, last = np.divmod(self.index("name", self.namesakes), np.uint64(len(self.pools.last)))
        many = np.where(self.women > 0, len(self.pools.women), len(self.pools.men))
        return first.astype(np.int64) * many // few, last.astype(np.int64)

    def _called(self, men: pl.Series, women: pl.Series) -> pl.Series:
        place_ = self._names[0]
        his = men.gather(np.minimum(place_, len(men) - 1))
        return women.gather(np.minimum(place_, len(women) - 1)).zip_with(
            pl.Series(self.women > 0), his
        )

    @cached_property
    def _told(self) -> tuple[pl.Series | None, pl.Series | None]:
        """First and last names that the row has already."""
        first, last = self.row.get("first_name"), self.row.get("last_name")
        whole = self.row.get("full_name")
        if whole is not None and first is None and last is None:
            plain = whole.str.replace(r"^(\S[^,]*), (.+)$", "$2 $1")
            first, last = plain.str.extract(r"^(\S+)"), plain.str.extract(r"(\S+)$")
        return first, last

    @property
    def named(self) -> bool:
        """Whether the row has names of its own, which may repeat."""
        return self._told != (None, None)

    @cached_property
    def first(self) -> pl.Series:
        """First names."""
        made = self._called(self.pools.men, self.pools.women)
        told = self._told[0]
        return made if told is None else told.zip_with(told.is_not_null(), made)

    @cached_property
    def last(self) -> pl.Series:
        """Last names."""
        made = self.pools.last.gather(self._names[1])
        told = self._told[1]
        return made if told is None else told.zip_with(told.is_not_null(), made)

    @cached_property
    def first_folded(self) -> pl.Series:
        """First names as they stand in an address."""
        if self._told[0] is not None:
            return folded(self.first)
        return self._called(folded(self.pools.men), folded(self.pools.women))

    @cached_property
    def last_folded(self) -> pl.Series:
        """Last names as they stand in an address."""
        if self._told[1] is not None:
            return folded(self.last)
        return folded(self.pools.last).gather(self._names[1])

    @cached_property
    def middle(self) -> pl.Series:
        """An initial."""
        return _LETTERS.gather(self.toss("middle", 26))

    @cached_property
    def initials(self) -> pl.Series:
        """What tells namesakes apart: nothing, then A., B., …, A. B. and so on."""
        rest = self.turn(self.namesakes).astype(np.int64)
        text = pl.Series([""]).extend_constant("", len(rest) - 1) if len(rest) else pl.Series([""])
        while (rest > 0).any():
            letter = _LETTERS.gather(np.maximum(rest - 1, 0) % 26) + ". "
            text = letter.zip_with(pl.Series(rest > 0), pl.Series([""])) + text
            rest = (rest - 1) // 26
        return text.head(len(rest))

    @cached_property
    def domain(self) -> pl.Series:
        """Domains that are reserved for examples (RFC 2606)."""
        return _DOMAINS.gather(self.toss("domain", 3))

    @cached_property
    def street(self) -> pl.Series:
        """A street and a number, of its own for each."""
        streets, form = self.pools.streets, self.place.street
        size = len(streets) * _HOUSES
        number, where = np.divmod(self.index("street", size), np.uint64(len(streets)))
        number += self.beyond(size) * np.uint64(_HOUSES) + np.uint64(1)
        house = pl.Series(number).cast(pl.String)
        name = streets.gather(where.astype(np.int64))
        order = (name, house) if form.startswith("{street}") else (house, name)
        before, between, after = re.split(r"\{\w+\}", form)
        return before + order[0] + between + order[1] + after

    @cached_property
    def _town(self) -> Ints:
        return self.toss("city", len(self.pools.cities))

    @cached_property
    def city(self) -> pl.Series:
        """Cities: the row's, where it has one."""
        return self.row["city"] if "city" in self.row else self.pools.cities.gather(self._town)

    @cached_property
    def postcode(self) -> pl.Series:
        """Postcodes in the country's form: those of a city have the beginning in common."""
        if "postcode" in self.row:
            return self.row["postcode"].cast(pl.String)
        towns = self.city.fill_null("")
        known = towns.unique()
        digests = (hashlib.blake2b(t.encode(), digest_size=6).digest() for t in known.to_list())
        codes = pl.Series([int.from_bytes(digest, "little") for digest in digests])
        town = towns.replace_strict(known, codes, return_dtype=pl.Int64).to_numpy()
        form = self.place.postcode
        free = [k for k, mark in enumerate(form) if mark in "#@"]
        text = pl.Series([""]).extend_constant("", max(0, len(towns) - 1)).head(len(towns))
        for at, mark in enumerate(form):
            if mark not in "#@":
                text = text + mark
                continue
            own = free.index(at) >= len(free) - 2
            spun = self.toss(f"post{at}", 1 << 20) if own else town >> (4 * free.index(at))
            if mark == "@":
                text = text + _LETTERS.gather(spun % 26)
            else:
                low = 1 if at == 0 else 0
                text = text + pl.Series(low + spun % (10 - low)).cast(pl.String)
        return text

    @cached_property
    def country(self) -> pl.Series:
        """Countries: the row's, where it has one."""
        if "country" in self.row:
            return self.row["country"]
        names = self.place.names
        name = next((n for n in names if len(n) > 3), names[0])
        return (
            pl.Series([name.title()])
            .extend_constant(name.title(), len(self.numbers))
            .head(len(self.numbers))
        )
