"""Doorstroom: from protected living to a home of one's own; a plan by all, provisions first, a place freed."""

from __future__ import annotations

from stories.tell.feed import Feed, after, iso
from stories.tell.town import BM, CENTRE, DP, EAST, GI, NORTH, OW, WEST, WZ, ZI
from stories.tell.ways import COACH, WIJKTEAM, Case, agreement, heartbeats

TITLE = "Doorstroom"
TELLS = """
Ten people live in protected housing of Zorg IJssel and could do with less. At the end of May one lives on its own,
five are in talks, three have a plan, one waits for a dwelling. A plan counts as agreed by all when every organisation
that is named in it has endorsed it; one is not.
Before a move the provisions must be arranged: for one person the furniture is not there two weeks before, nor three
days before. A place that becomes free is used again; one person comes back after a summer. One resident was
told of the sharing only after two weeks: until then nobody but the provider saw anything.
"""
VERTELT = """
Tien mensen wonen beschermd bij Zorg IJssel en kunnen met minder. Eind mei woont er één zelfstandig, zijn er vijf in
gesprek, hebben er drie een plan en wacht er één op een woning. Vóór de verhuizing moeten de voorzieningen geregeld
zijn; bij één zijn de meubels er niet. Een plek die vrijkomt, wordt opnieuw gebruikt.
"""
USERS = ["regie-cl4", "regie-cl9", "wijk-noord", "steward-ijsselstad", "huur-dp", "coach-z12", "zorg-z5", "buddy-b3"]
RESIDENTS = {"bewoner-d07": (f"{ZI}:Z-D07", "2026-02-02", "bewoner die gaat verhuizen")}
LOOKS = [
    ("zorg-z5", "zorgaanbieder", "Wie verhuist wanneer, en wat is nog niet klaar?"),
    ("regie-cl9", "casusregisseur", "Welke voorziening ontbreekt?"),
    ("wijk-noord", "wijkteam", "Wie komt er in de wijk wonen?"),
]
PARTIES = [GI, WZ, OW, DP, ZI, BM]


def tell() -> Feed:
    feed = Feed("ds")
    agreement(
        feed, "doorstroom", "OV-6", PARTIES, ["coordination", "guidance", "tenancy", "care", "own_task", "evaluation"]
    )
    for one in (d01, d02, d03, d04, d05, d06, d07, d08, d09, d10):
        one(feed)
    heartbeats(feed, ZI)
    _wrong(feed)
    return feed


def talks(feed: Feed, key: str, on: str, district: str | None, notice: bool = True, lead: str = "CL-9") -> Case:
    """Enrolled and met; the talks have begun."""
    number = key.upper()
    case = Case(feed, key, {ZI: f"Z-{number}", GI: f"G-{number}", DP: f"D-{number}", BM: f"B-{number}"})
    case.enrol(on, "doorstroom", "beschermd_wonen", district, "2026-ds", org=ZI, notice=notice)
    case.link(GI, after(on, 1), by=ZI)
    case.lead(after(on, 2), lead, "CL-4" if lead == "CL-9" else "CL-9")
    case.send(ZI, "ladder.step_changed", on, "2025-02-03", from_step=1, to_step=2)
    case.send(
        ZI, "intake.held", after(on, 7), situation=["no_own_home"], weight="heavy",
        domains=[
            {"domain": "housing", "wants": "own_home", "can_self": ["cooking"], "needs": ["dwelling", "furniture"]},
            {"domain": "day_activity", "wants": "work", "can_self": ["getting_around"], "needs": ["day_activity"]},
        ],
    )  # fmt: skip
    return case


def planned(case: Case, on: str, buddy: bool = True) -> None:
    """A plan of the provider with an action for every party; endorsed by municipality and, if it takes part, buddy."""
    case.link(DP, after(on, -5), by=ZI)
    actions = [
        (ZI, "day_activity", "find_day_activity", after(on, 56)),
        (GI, "money", "arrange_income", after(on, 28)),
        (DP, "housing", "offer_dwelling", after(on, 42), True),
    ]
    if buddy:
        case.link(BM, after(on, -4), by=ZI)
        actions.append((BM, "network", "introduce_neighbours", after(on, 84)))
    case.plan(on, actions, by=ZI)
    case.endorse(GI, after(on, 1), by=ZI)
    if buddy:
        case.endorse(BM, after(on, 3), by=ZI)


def kept(case: Case, on: str, buddy: bool = True) -> None:
    """All actions of `planned`, each before its day."""
    case.done(GI, after(on, 22), 2, by=ZI)
    case.done(DP, after(on, 35), 3, by=ZI)
    case.done(ZI, after(on, 49), 1, by=ZI)
    if buddy:
        case.done(BM, after(on, 77), 4, by=ZI)


def move(case: Case, told: str, on: str, required: list[str]) -> None:
    case.send(
        ZI, "move.planned", told, move_id=f"{ZI}:{case.own('M')}", planned_on=iso(on), provisions_required=required
    )


def home(case: Case, on: str, district: str, last: str = "2027-01-26") -> None:
    """The key: an own lease, the place free, a guide who comes along."""
    case.lease(on, "indefinite", clause=False, district=district, org=DP, rent=52000, dwelling_id=f"D-6{case.key[1:]}")
    case.send(ZI, "place.vacated", on, kind="beschermd_wonen")
    case.send(ZI, "ladder.step_changed", on, from_step=2, to_step=5)
    case.coach(on, "Z-12", 28, ZI)
    case.visits(after(on, 7), last, 28, "Z-12", ZI)


def d01(feed: Feed) -> None:
    """The one that lives on its own: everything in its order, and the place used again."""
    case = talks(feed, "d01", "01-12", WEST)
    case.open_to_helpers("01-13", org=ZI)
    case.grant("01-13", "wijkteam", "coordination", WIJKTEAM, org=ZI)
    case.grant("01-13", "org:buurtmaat", "guidance", COACH, org=ZI)
    planned(case, "02-02")
    case.endorse(DP, "02-04", by=ZI)
    kept(case, "02-02")
    case.send(DP, "dwelling.offered", "03-02", offer_id="F-D01", dwelling_id="D-601", resident_chose_area=True)
    move(case, "03-09", "04-13", ["income", "insurance", "furniture", "gp", "day_activity"])
    for on, org, kind in (
        ("02-24", GI, "income"), ("03-10", ZI, "insurance"), ("03-16", ZI, "gp"), ("03-23", ZI, "day_activity"),
        ("03-24", GI, "furniture"),
    ):  # fmt: skip
        case.send(org, "provision.arranged", on, kind=kind)
    home(case, "04-13", WEST)
    case.send(ZI, "day_activity.started", "03-23", activity_id="DA-D01", kind="social_enterprise", in_own_district=True)
    case.send(ZI, "day_activity.ended", "11-02", "10-30", activity_id="DA-D01", successor_planned_on="2026-11-09")
    case.send(ZI, "day_activity.started", "11-09", activity_id="DA-D01-2", kind="paid_work", in_own_district=False)
    case.rent("2026-05", "2027-01", 52000, DP)
    feed.send(ZI, "place.occupied", "05-04", data={"kind": "beschermd_wonen", "reason": "new"})
    case.send(BM, "support.requested", "04-20", support_id="SU-D01", kind="neighbour_visit")
    case.send(BM, "support.matched", "05-11", support_id="SU-D01", kind="neighbour_visit")


def d02(feed: Feed) -> None:
    """In talks all year; on the city-wide list, because nobody knows yet where it will be."""
    case = talks(feed, "d02", "03-02", None)
    case.send(ZI, "enrolment.transferred", "10-05", enrolment_id=f"{ZI}:E-D02", municipality="GM9900", district=WEST)


def d03(feed: Feed) -> None:
    """In talks until September, then a plan."""
    case = talks(feed, "d03", "03-02", NORTH)
    planned(case, "09-07", buddy=False)
    case.endorse(DP, "09-09", by=ZI)
    kept(case, "09-07", buddy=False)


def d04(feed: Feed) -> None:
    """In talks until August, then no more: I stay where I am."""
    case = talks(feed, "d04", "03-09", EAST)
    case.close("08-24", "stopped_by_resident", org=ZI, goals_met={"resident": True})
    case.send(GI, "caselead.ended", "08-24", reason="closed")


def d05(feed: Feed) -> None:
    """In talks, with a referral for debt help that the provider of it declines and another takes up."""
    case = talks(feed, "d05", "03-16", CENTRE)
    case.send(ZI, "care.started", "03-16", "2025-02-03", care_id="ZT-D05", category="15")
    first = case.refer("03-23", BM, "buddy", org=ZI)
    case.link(BM, "03-24", by=ZI)
    case.send(BM, "referral.declined", "03-26", referral_id=first, by="provider", reason="no_capacity")
    second = case.refer("09-21", BM, "buddy", org=ZI, n=2)
    case.send(BM, "referral.accepted", "09-24", referral_id=second)


def d06(feed: Feed) -> None:
    """In talks; told of the sharing two weeks after the enrolment."""
    case = talks(feed, "d06", "03-16", CENTRE, notice=False)
    case.notice("03-30", ZI)


def d07(feed: Feed) -> None:
    """The furniture is not there two weeks before the move, nor three days before."""
    case = talks(feed, "d07", "02-02", EAST)
    case.open_to_helpers("02-03", org=ZI)
    case.grant("02-03", "zorgaanbieder", "care", ["plan", "lease", "day_activity", "involvement"], org=ZI)
    planned(case, "03-02", buddy=False)
    case.endorse(DP, "03-04", by=ZI)
    kept(case, "03-02", buddy=False)
    move(case, "05-11", "06-15", ["income", "insurance", "furniture"])
    case.send(GI, "provision.arranged", "05-18", kind="income")
    case.send(ZI, "provision.arranged", "05-18", kind="insurance")
    case.send(GI, "provision.arranged", "06-13", kind="furniture")
    home(case, "06-15", EAST)
    case.rent("2026-07", "2027-01", 52000, DP)
    feed.send(ZI, "place.occupied", "07-13", data={"kind": "beschermd_wonen", "reason": "new"})


def d08(feed: Feed) -> None:
    """A plan, and since then waiting for a dwelling."""
    case = talks(feed, "d08", "02-09", NORTH)
    planned(case, "03-09", buddy=False)
    case.endorse(DP, "03-11", by=ZI)
    kept(case, "03-09", buddy=False)
    case.send(ZI, "waiting.entered", "04-20", queue_id=f"{ZI}:W-D08", queue="dwelling", reason="no_dwelling")


def d09(feed: Feed) -> None:
    """Moves in July and comes back in October: at any time, and without a word of blame."""
    case = talks(feed, "d09", "02-09", CENTRE)
    planned(case, "03-16", buddy=False)
    case.endorse(DP, "03-18", by=ZI)
    kept(case, "03-16", buddy=False)
    move(case, "05-25", "07-06", ["income", "furniture"])
    case.send(GI, "provision.arranged", "06-08", kind="income")
    case.send(ZI, "provision.arranged", "06-08", kind="furniture")
    home(case, "07-06", CENTRE, last="10-05")
    case.rent("2026-08", "2026-10", 52000, DP)
    case.send(ZI, "coach.ended", "10-09", assignment_id="AS-D09-1", reason="transferred")
    case.send(DP, "lease.ended", "10-05", "10-11", lease_id="L-D09", reason="mutual")
    case.send(ZI, "ladder.step_changed", "10-12", from_step=5, to_step=2)
    feed.send(ZI, "place.occupied", "10-12", data={"kind": "beschermd_wonen", "reason": "return"})


def d10(feed: Feed) -> None:
    """A plan that the corporation never endorsed, though it does its part."""
    case = talks(feed, "d10", "02-16", WEST)
    planned(case, "03-23")
    kept(case, "03-23")


def _wrong(feed: Feed) -> None:
    # names and addresses where a pseudonym belongs; the postcode 0000 AA does not exist, so one that could
    feed.send(ZI, "care.started", "02-03", "Z 1234 AB 12", wrong=True, data={"care_id": "ZT-9", "category": "15"})
    feed.send(ZI, "care.started", "02-03", "Z-D01", wrong=True, data={"care_id": "ZT-8", "category": "99"})
    # a provision that is on no list, and a move without its id
    feed.send(ZI, "provision.arranged", "02-04", "Z-D01", wrong=True, data={"kind": "piano"})
    feed.send(ZI, "move.planned", "02-04", "Z-D01", wrong=True,
              data={"planned_on": "2026-04-13", "provisions_required": []})  # fmt: skip
    # the municipality tells what only the provider can
    feed.send(GI, "care.ended", "02-05", "G-D01", wrong=True, data={"care_id": "ZT-8", "end_reason": "19"})
    feed.line(ZI, "02-05", "beste collega, hierbij de bezoeken van deze week")
