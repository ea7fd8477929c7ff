"""Databases of odd shapes, each with the foreign keys that a person would draw.

A tie is "child.columns > parent.columns". Quantities that count from 1 stand beside keys that do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

Frames = dict[str, pl.DataFrame]
_DRAW = np.random.default_rng(7)


def _ids(rows: int, first: int = 1) -> list[int]:
    return list(range(first, first + rows))


def _pick(values: Sequence[Any], rows: int, missing: float = 0.0) -> list[Any]:
    at = _DRAW.integers(0, len(values), rows)
    gone = _DRAW.random(rows) < missing
    return [None if gone[i] else values[at[i]] for i in range(rows)]


def _ints(low: int, high: int, rows: int) -> list[int]:
    return [int(one) for one in _DRAW.integers(low, high + 1, rows)]


def _days(rows: int) -> list[date]:
    return [date(2020, 1, 1) + timedelta(one) for one in _ints(0, 900, rows)]


def _hexes(name: str, rows: int) -> list[str]:
    draw = np.random.default_rng(len(name) + rows)
    return ["".join("0123456789abcdef"[k] for k in draw.integers(0, 16, 24)) for _ in range(rows)]


def _names(rows: int, prefix: str) -> list[str]:
    return [f"{prefix}{k}" for k in range(rows)]


def camel() -> tuple[Frames, set[str]]:
    """Bare ids, a code, a hierarchy, two roles of one parent, line numbers, a polymorphic pair."""
    codes = ["DE", "FR", "IT", "ES", "US", "GB", "NL", "BE", "AT", "CH", "SE", "NO"]
    skus = [f"{chr(65 + k % 26)}{chr(65 + k // 26)}-{1000 + k * 7}" for k in range(120)]
    lines = [(order, k + 1) for order in range(1, 1501) for k in range(1 + order % 4)]
    sent = [lines[k] for k in sorted(_DRAW.choice(len(lines), 1000, replace=False))]
    subjects = _pick(["Order", "Customer"], 300)
    frames = {
        "Countries": {"Code": codes, "Name": [code * 3 for code in codes]},
        "Customers": {
            "Id": _ids(400),
            "CountryCode": _pick(codes, 400),
            "LoyaltyPoints": _ints(0, 300, 400),
            "Level": _ints(1, 5, 400),
        },
        "Addresses": {
            "Id": _ids(600),
            "CustomerId": _pick(_ids(400), 600),
            "HouseNumber": _ints(1, 200, 600),
        },
        "Categories": {"Id": _ids(15), "ParentId": [None] * 3 + _ints(1, 3, 12), "Sort": _ids(15)},
        "Products": {
            "Sku": skus,
            "CategoryId": _pick(_ids(15), 120),
            "Rank": [int(k) + 1 for k in _DRAW.permutation(120)],
        },
        "Orders": {
            "Id": _ids(1500),
            "CustomerId": _pick(_ids(400), 1500),
            "OrderDate": _days(1500),
            "ShippingAddressId": _pick(_ids(600), 1500),
            "BillingAddressId": _pick(_ids(600), 1500, 0.2),
            "NumItems": _ints(1, 9, 1500),
        },
        "OrderLines": {
            "OrderId": [order for order, _ in lines],
            "LineNo": [line for _, line in lines],
            "ProductSku": _pick(skus, len(lines)),
            "Qty": _ints(1, 10, len(lines)),
        },
        "Shipments": {
            "Id": _ids(1000),
            "OrderId": [order for order, _ in sent],
            "LineNo": [line for _, line in sent],
            "Weight": _ints(1, 40, 1000),
        },
        "Comments": {
            "Id": _ids(300),
            "SubjectType": subjects,
            "SubjectId": [_ints(1, 1500 if one == "Order" else 400, 1)[0] for one in subjects],
            "Rating": _ints(1, 5, 300),
        },
    }
    return _frames(frames), {
        "Customers.CountryCode > Countries.Code",
        "Addresses.CustomerId > Customers.Id",
        "Categories.ParentId > Categories.Id",
        "Products.CategoryId > Categories.Id",
        "Orders.CustomerId > Customers.Id",
        "Orders.ShippingAddressId > Addresses.Id",
        "Orders.BillingAddressId > Addresses.Id",
        "OrderLines.OrderId > Orders.Id",
        "OrderLines.ProductSku > Products.Sku",
        "Shipments.OrderId, LineNo > OrderLines.OrderId, LineNo",
        "Comments.SubjectId > Orders.Id",
        "Comments.SubjectId > Customers.Id",
    }


def german() -> tuple[Frames, set[str]]:
    """Names in German, keys that start at 10001, a text key, staff under what they do."""
    parts = ["VK", "EK", "IT", "FI", "PR", "LO"]
    articles = [f"A{k:05d}" for k in range(200)]
    orders = _ids(900, 700_001)
    lines = [(order, k + 1) for order in orders for k in range(1 + order % 3)]
    frames = {
        "Kunden": {"KundenNr": _ids(300, 10_001), "PLZ": _ints(10_000, 99_999, 300)},
        "Mitarbeiter": {
            "PersonalNr": _ids(40, 501),
            "Vorgesetzter": [None, *_pick(_ids(5, 501), 39)],
            "Abteilung": _pick(parts, 40),
            "Alter": _ints(20, 60, 40),
        },
        "Abteilungen": {"Kürzel": parts, "Bezeichnung": _names(6, "Abteilung ")},
        "Artikel": {"ArtikelNr": articles, "Mindestmenge": _ints(1, 8, 200)},
        "Bestellungen": {
            "BestellNr": orders,
            "KundenNr": _pick(_ids(300, 10_001), 900),
            "Bestelldatum": _days(900),
            "Bearbeiter": _pick(_ids(40, 501), 900),
        },
        "Bestellpositionen": {
            "BestellNr": [order for order, _ in lines],
            "Position": [line for _, line in lines],
            "ArtikelNr": _pick(articles, len(lines)),
            "Menge": _ints(1, 8, len(lines)),
        },
    }
    return _frames(frames), {
        "Mitarbeiter.Vorgesetzter > Mitarbeiter.PersonalNr",
        "Mitarbeiter.Abteilung > Abteilungen.Kürzel",
        "Bestellungen.KundenNr > Kunden.KundenNr",
        "Bestellungen.Bearbeiter > Mitarbeiter.PersonalNr",
        "Bestellpositionen.BestellNr > Bestellungen.BestellNr",
        "Bestellpositionen.ArtikelNr > Artikel.ArtikelNr",
    }


def hashes() -> tuple[Frames, set[str]]:
    """Keys that nobody would guess, in columns that are not named like keys."""
    users, devices, sessions = _hexes("users", 300), _hexes("devices", 250), _hexes("sessions", 900)
    frames = {
        "users": {"_id": users, "age": _ints(18, 80, 300)},
        "devices": {"_id": devices, "owner": _pick(users, 250)},
        "sessions": {
            "_id": sessions,
            "user": _pick(users, 900),
            "device": _pick(devices, 900, 0.1),
            "pages": _ints(1, 30, 900),
        },
        "events": {"_id": _hexes("events", 2000), "session": _pick(sessions, 2000)},
    }
    return _frames(frames), {
        "devices.owner > users._id",
        "sessions.user > users._id",
        "sessions.device > devices._id",
        "events.session > sessions._id",
    }


def counts() -> tuple[Frames, set[str]]:
    """Numbers from 1 to n that are no keys, in tables that have nothing to do with each other."""
    frames = {
        "matches": {"id": _ids(500), "goals": _ints(0, 7, 500), "round": _ints(1, 34, 500)},
        "rooms": {"id": _ids(80), "floor": _ints(1, 8, 80), "category": _ints(1, 3, 80)},
        "stats": {"id": _ids(36), "month": _ids(12) * 3, "visits": _ints(1, 400, 36)},
        "survey": {
            "respondent": _ids(250),
            "q1": _ints(1, 5, 250),
            "age": _ints(18, 70, 250),
            "weight": _ints(1, 250, 250),
        },
    }
    return _frames(frames), set()


def months() -> tuple[Frames, set[str]]:
    """Three exports of the same customers: none is another's parent."""
    everybody = np.arange(1001, 1501)
    frames = {
        f"customers_{month}": {
            "customer_id": sorted(_DRAW.choice(everybody, 400, replace=False).tolist()),
            "visits": _ints(0, 20, 400),
        }
        for month in ("jan", "feb", "mar")
    }
    return _frames(frames), set()


def clinic() -> tuple[Frames, set[str]]:
    """A row number in every table beside the real key; a key that is not the primary one."""
    subjects = sorted(_DRAW.choice(30_000, 300, replace=False).tolist())
    stays = sorted(_DRAW.choice(np.arange(100_000, 199_999), 700, replace=False).tolist())
    items = sorted(_DRAW.choice(np.arange(50_000, 51_000), 90, replace=False).tolist())
    whose = dict(zip(stays, _pick(subjects, 700), strict=True))
    tests = _pick(stays, 2000)
    frames = {
        "patients": {"row_id": _ids(300), "subject_id": subjects},
        "admissions": {
            "row_id": _ids(700),
            "hadm_id": stays,
            "subject_id": [whose[stay] for stay in stays],
            "los": _ints(1, 30, 700),
        },
        "labevents": {
            "row_id": _ids(2000),
            "subject_id": [whose[stay] for stay in tests],
            "hadm_id": [None if k % 5 == 0 else stay for k, stay in enumerate(tests)],
            "itemid": _pick(items, 2000),
        },
        "d_labitems": {"row_id": _ids(90), "itemid": items, "label": _names(90, "lab ")},
    }
    return _frames(frames), {
        "admissions.subject_id > patients.subject_id",
        "labevents.subject_id > patients.subject_id",
        "labevents.hadm_id > admissions.hadm_id",
        "labevents.itemid > d_labitems.itemid",
    }


def subtypes() -> tuple[Frames, set[str]]:
    """Primary keys that are foreign keys, and a link table that is referred to."""
    students = sorted(_DRAW.choice(np.arange(1, 501), 350, replace=False).tolist())
    teachers = sorted(set(_ids(500)) - set(students))
    taken = pl.DataFrame(
        {"student_id": _pick(students, 2000), "course_id": _pick(_ids(40), 2000)}
    ).unique(maintain_order=True)
    frames = {
        "person": {"person_id": _ids(500), "birth_year": _ints(1950, 2003, 500)},
        "student": {"person_id": students, "semester": _ints(1, 12, 350)},
        "teacher": {"person_id": teachers, "office": _ints(1, 150, 150)},
        "course": {
            "course_id": _ids(40),
            "taught_by": _pick(teachers, 40),
            "hours": _ints(2, 9, 40),
        },
    }
    made = _frames(frames)
    made["enrolment"] = taken.with_columns(grade=pl.Series(_ints(1, 6, taken.height)))
    made["enrolment_award"] = taken.sample(200, seed=1)
    return made, {
        "student.person_id > person.person_id",
        "teacher.person_id > person.person_id",
        "course.taught_by > teacher.person_id",
        "enrolment.student_id > student.person_id",
        "enrolment.course_id > course.course_id",
        "enrolment_award.student_id, course_id > enrolment.student_id, course_id",
    }


def seasons() -> tuple[Frames, set[str]]:
    """Natural keys, one of them of two columns, and no id anywhere."""
    teams = ["ARS", "CHE", "LIV", "MUN", "TOT", "EVE", "NEW", "WHU", "AVL", "LEI"]
    players = [f"{name}{k:02d}" for name in ("smithj", "jonesk", "brownl") for k in range(1, 41)]
    every = [(season, team) for season in range(2010, 2020) for team in teams]
    played = pl.DataFrame(
        {
            "player": _pick(players, 2500),
            "season": _ints(2010, 2019, 2500),
            "team": _pick(teams, 2500),
        }
    ).unique(maintain_order=True)
    made = _frames(
        {
            "players": {"player": players, "height": _ints(160, 200, 120)},
            "teams": {
                "season": [season for season, _ in every],
                "team": [team for _, team in every],
                "points": _ints(10, 100, 100),
            },
        }
    )
    made["appearances"] = played.with_columns(goals=pl.Series(_ints(0, 30, played.height)))
    return made, {
        "appearances.player > players.player",
        "appearances.season, team > teams.season, team",
    }


def university() -> tuple[Frames, set[str]]:
    """Keys of four columns, one id under two tables, names of rooms, steps that count an owner."""
    parts = ["Comp. Sci.", "Biology", "Physics", "History", "Finance", "Music", "Elec. Eng."]
    people = [str(one) for one in _DRAW.choice(np.arange(10_000, 99_999), 450, replace=False)]
    teachers, students = sorted(people[:50]), sorted(people[50:])
    courses = [f"{part[:3].upper()}-{100 + k}" for k in range(10) for part in parts]
    rooms = [(name, k) for name in ("Watson", "Taylor", "Packard") for k in (101, 120, 200, 314)]
    given = pl.DataFrame(
        {
            "course_id": _pick(courses, 300),
            "sec_id": _ints(1, 3, 300),
            "year": _ints(2015, 2020, 300),
        }
    ).unique(maintain_order=True)
    where = _ints(0, len(rooms) - 1, given.height)
    at = _DRAW.integers(0, given.height, 3000)
    taken = given[at].select(pl.Series("ID", _pick(students, 3000)), pl.all())
    papers = [(one, k + 1) for i, one in enumerate(students) for k in range(1 + (i % 5 == 0))]
    made = _frames(
        {
            "department": {"dept_name": parts, "budget": _ints(50_000, 120_000, 7)},
            "instructor": {"ID": teachers, "dept_name": _pick(parts, 50)},
            "student": {
                "ID": students,
                "dept_name": _pick(parts, 400),
                "credits": _ints(0, 130, 400),
            },
            "course": {"course_id": courses, "dept_name": _pick(parts, 70)},
            "classroom": {
                "building": [name for name, _ in rooms],
                "room_number": [number for _, number in rooms],
                "capacity": _ints(10, 500, len(rooms)),
            },
            "advisor": {"s_id": students[:350], "i_id": _pick(teachers, 350)},
            "paper": {
                "ID": [one for one, _ in papers],
                "attempt": [k for _, k in papers],
                "pages": _ints(1, 9, len(papers)),
            },
        }
    )
    made["section"] = given.with_columns(
        building=pl.Series([rooms[k][0] for k in where]),
        room_number=pl.Series([rooms[k][1] for k in where]),
    )
    made["takes"] = taken.unique(maintain_order=True)
    return made, {
        "instructor.dept_name > department.dept_name",
        "student.dept_name > department.dept_name",
        "course.dept_name > department.dept_name",
        "section.course_id > course.course_id",
        "section.building, room_number > classroom.building, room_number",
        "takes.ID > student.ID",
        "takes.course_id, sec_id, year > section.course_id, sec_id, year",
        "paper.ID > student.ID",
        "advisor.s_id > student.ID",
        "advisor.i_id > instructor.ID",
    }


def terse() -> tuple[Frames, set[str]]:
    """Short names in capitals."""
    branches = ["B01", "B02", "B03", "B04"]
    frames = {
        "CUST": {"CUST_NO": _ids(200), "BRANCH_CD": _pick(branches, 200)},
        "BRANCH": {"BRANCH_CD": [*branches, "B05"], "MGR_EMP_NO": [3, 5, 7, 9, 11]},
        "EMP": {
            "EMP_NO": _ids(30),
            "MGR_EMP_NO": [None, *_pick(_ids(4), 29)],
            "SAL_GRADE": _ints(1, 6, 30),
        },
        "ACCT": {
            "ACCT_NO": _ids(400, 5000),
            "CUST_NO": _pick(_ids(200), 400),
            "TYP": _ints(1, 3, 400),
        },
        "TXN": {
            "TXN_ID": _ids(3000),
            "ACCT_NO": _pick(_ids(400, 5000), 3000),
            "CNTR_ACCT_NO": _pick(_ids(400, 5000), 3000, 0.4),
            "AMT": _ints(1, 4000, 3000),
        },
    }
    return _frames(frames), {
        "CUST.BRANCH_CD > BRANCH.BRANCH_CD",
        "BRANCH.MGR_EMP_NO > EMP.EMP_NO",
        "EMP.MGR_EMP_NO > EMP.EMP_NO",
        "ACCT.CUST_NO > CUST.CUST_NO",
        "TXN.ACCT_NO > ACCT.ACCT_NO",
        "TXN.CNTR_ACCT_NO > ACCT.ACCT_NO",
    }


def blog() -> tuple[Frames, set[str]]:
    """A prefix on every table, replies, and a column that refers to another than the key."""
    mails = [f"u{k}@example.org" for k in range(120)]
    replies = [None if k < 100 or k % 3 else _ints(1, k - 1, 1)[0] for k in range(1, 1201)]
    frames = {
        "shop_user": {"id": _ids(120), "email": mails},
        "shop_post": {
            "id": _ids(300),
            "author_id": _pick(_ids(120), 300),
            "likes": _ints(0, 120, 300),
        },
        "shop_comment": {
            "id": _ids(1200),
            "post_id": _pick(_ids(300), 1200),
            "user_id": _pick(_ids(120), 1200, 0.1),
            "reply_to_id": replies,
            "score": _ints(1, 25, 1200),
        },
        "shop_login": {
            "id": _ids(700),
            "user_email": _pick(mails, 700),
            "at": [datetime(2024, 1, 1) + timedelta(minutes=k * 7) for k in range(700)],
        },
    }
    return _frames(frames), {
        "shop_post.author_id > shop_user.id",
        "shop_comment.post_id > shop_post.id",
        "shop_comment.user_id > shop_user.id",
        "shop_comment.reply_to_id > shop_comment.id",
        "shop_login.user_email > shop_user.email",
    }


def dirty() -> tuple[Frames, set[str]]:
    """Two clients come twice, and 34 invoices are of clients that are not there."""
    whose = [99_999 + k if k % 60 == 0 else one for k, one in enumerate(_pick(_ids(400), 2000))]
    frames = {
        "clients": {"client_id": [*_ids(400), 17, 23], "age": _ints(18, 90, 402)},
        "invoices": {"invoice_id": _ids(2000), "client_id": whose, "terms": _ints(1, 30, 2000)},
        "payments": {
            "payment_id": _ids(2000),
            "invoice_id": _ids(2000),
            "late": _ints(0, 90, 2000),
        },
    }
    return _frames(frames), {
        "invoices.client_id > clients.client_id",
        "payments.invoice_id > invoices.invoice_id",
    }


def _frames(columns: dict[str, dict[str, list[Any]]]) -> Frames:
    return {name: pl.DataFrame(one) for name, one in columns.items()}


ALL: tuple[Callable[[], tuple[Frames, set[str]]], ...] = (
    camel,
    german,
    hashes,
    counts,
    months,
    clinic,
    subtypes,
    seasons,
    university,
    terse,
    blog,
    dirty,
)
