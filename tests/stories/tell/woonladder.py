"""Woonladder: conditional leases, steps up and one down, a card, an evaluation, a conversion in time."""

from __future__ import annotations

from stories.tell.feed import Feed, after, iso
from stories.tell.town import CENTRE, DP, EAST, GI, NORTH, OW, WEST, WZ, ZI
from stories.tell.ways import WIJKTEAM, Case, agreement, heartbeats

TITLE = "Woonladder"
TELLS = """
Eight people of Zorg IJssel are on the six steps of the ladder, each step with its own kind of lease. Most rent on
condition that they accept guidance, for two years; then the corporation decides whether the lease becomes an ordinary
one. For one that decision is made in time; for one nobody plans the evaluation until the law's window is open; one
lease is told so late that its warning opens at the highest level at once.
One goes a step down and back to protected living, two get a card, one waits for a dwelling and gets it, one leaves the
ladder at the top. The care provider's feed is silent for a week in November.
"""
VERTELT = """
Acht mensen van Zorg IJssel staan op de zes treden van de ladder, elke trede met een eigen soort huurcontract. Bij één
wordt op tijd besloten om het contract om te zetten; bij één plant niemand de evaluatie tot de wettelijke termijn loopt.
Eén gaat een trede terug, twee krijgen een kaart.
"""
USERS = ["regie-cl4", "regie-cl9", "wijk-noord", "steward-ijsselstad", "huur-ow", "huur-dp", "coach-z12", "zorg-z5"]
RESIDENTS = {"bewoner-l02": (f"{ZI}:Z-L02", "2026-01-12", "bewoner van wie het huurcontract afloopt")}
LOOKS = [
    ("huur-ow", "corporatie", "Welk contract vraagt een besluit, en voor welke dag?"),
    ("zorg-z5", "zorgaanbieder", "Wie wacht, en wie staat op welke trede?"),
    ("bewoner-l02", "bewoner", "Mag ik blijven, tot wanneer, en wat beslist daarover?"),
]
PARTIES = [GI, WZ, OW, DP, ZI]


def tell() -> Feed:
    feed = Feed("wl")
    agreement(feed, "woonladder", "OV-5", PARTIES, ["coordination", "guidance", "tenancy", "care", "evaluation"])
    for one in (l01, l02, l03, l04, l05, l06, l07, l08):
        one(feed)
    heartbeats(feed, ZI)
    _wrong(feed)
    return feed


def climber(feed: Feed, key: str, on: str, district: str, step: int, since: str, landlord: str = OW) -> Case:
    """Enrolled by the care provider, which tells the step of today with the day on which it began."""
    number = key.upper()
    letter = "C" if landlord == OW else "D"
    case = Case(feed, key, {ZI: f"Z-{number}", GI: f"G-{number}", landlord: f"{letter}-{number}"})
    case.enrol(on, "woonladder", "beschermd_wonen", district, "2026-wl", org=ZI)
    case.link(GI, after(on, 1), by=ZI)
    case.lead(after(on, 2))
    case.send(ZI, "ladder.step_changed", on, since, from_step=step - 1, to_step=step)
    case.send(ZI, "ladder.reviewed", after(on, 14), step=step, result="stay", next_on=iso(after(on, 196)))
    return case


def conditional(
    case: Case, on: str, since: str, ends: str, district: str, landlord: str = OW, link: bool = True
) -> str:
    if link:
        case.link(landlord, on, by=ZI)
    return case.lease(
        after(on, 1), "conditional", ends, district=district, ground="woonladder", org=landlord, happened=since,
        rent=56000, dwelling_id=f"D-8{case.key[1:]}",
    )  # fmt: skip


def guided(case: Case, on: str, since: str, first: str, last: str = "2027-01-12") -> None:
    case.coach(on, "Z-12", 28, ZI, happened=since)
    case.visits(first, last, 28, "Z-12", ZI)


def l01(feed: Feed) -> None:
    """Planned, evaluated, decided and converted, each in time; a step up."""
    case = climber(feed, "l01", "01-12", NORTH, 4, "2025-01-02")
    case.open_to_helpers("01-13", org=ZI)
    case.grant("01-13", "wijkteam", "coordination", WIJKTEAM, org=ZI)
    lease = conditional(case, "01-14", "2025-01-02", "2026-12-31", NORTH)
    case.rent("2026-02", "2027-01", 56000)
    guided(case, "01-12", "2025-01-02", "01-20")
    case.send(OW, "lease.evaluation_planned", "06-15", lease_id=lease, planned_on="2026-08-18")
    case.send(OW, "lease.evaluated", "08-18", lease_id=lease, result="positive")
    case.send(OW, "lease.decided", "09-10", lease_id=lease, decision="convert")
    case.send(OW, "lease.converted", "12-01", lease_id=lease, to_kind="indefinite")
    case.send(ZI, "ladder.step_changed", "12-01", from_step=4, to_step=5)
    case.send(ZI, "ladder.reviewed", "07-27", step=4, result="stay", next_on="2027-02-01")


def l02(feed: Feed) -> None:
    """Nobody plans the evaluation; the window for the decision is open before it is made."""
    case = climber(feed, "l02", "01-12", EAST, 4, "2024-12-01")
    lease = conditional(case, "01-14", "2024-12-01", "2026-11-30", EAST)
    case.rent("2026-02", "2027-01", 56000)
    guided(case, "01-12", "2024-12-01", "01-21", "2027-01-20")
    case.send(OW, "lease.evaluation_planned", "09-01", lease_id=lease, planned_on="2026-09-08")
    case.send(OW, "lease.evaluated", "09-08", lease_id=lease, result="partly")
    case.send(OW, "lease.decided", "09-15", lease_id=lease, decision="convert")
    case.send(OW, "lease.converted", "11-16", lease_id=lease, to_kind="indefinite")


def l03(feed: Feed) -> None:
    """The other corporation is linked in September and only then tells a lease that ends in December."""
    case = climber(feed, "l03", "01-12", WEST, 4, "2024-12-16", DP)
    guided(case, "01-12", "2024-12-16", "01-22", "2027-01-21")
    lease = conditional(case, "09-10", "2024-12-16", "2026-12-15", WEST, DP)
    case.rent("2026-10", "2027-01", 56000, DP)
    case.send(DP, "lease.evaluated", "09-22", lease_id=lease, result="positive")
    case.send(DP, "lease.decided", "09-25", lease_id=lease, decision="convert")
    case.send(DP, "lease.converted", "12-15", lease_id=lease, to_kind="indefinite")


def l04(feed: Feed) -> None:
    """Two cards, then by agreement a step down: the lease ends, the old place is there again."""
    case = climber(feed, "l04", "01-12", CENTRE, 4, "2025-06-02")
    lease = conditional(case, "01-14", "2025-06-02", "2027-06-01", CENTRE)
    case.rent("2026-02", "2026-06", 56000)
    for on, reporter in (("03-23", "r-l4a"), ("04-20", "r-l4b"), ("05-11", "r-l4a")):
        case.send(
            OW, "nuisance.reported", on, report_id=f"N-L04-{on}", lease_id=lease, reporter_hash=reporter,
            category="noise", seriousness=2,
        )  # fmt: skip
    case.send(OW, "lease.card_issued", "04-22", lease_id=lease, card="yellow")
    case.send(OW, "lease.card_issued", "05-18", lease_id=lease, card="red")
    guided(case, "01-12", "2025-06-02", "01-20", "06-09")
    case.send(ZI, "ladder.step_changed", "06-15", from_step=4, to_step=3)
    case.send(OW, "lease.ended", "06-22", "06-30", lease_id=lease, reason="mutual")
    case.send(ZI, "coach.ended", "06-30", assignment_id="AS-L04-1", reason="transferred")
    feed.send(ZI, "place.occupied", "06-30", data={"kind": "beschermd_wonen_licht", "reason": "return"})


def l05(feed: Feed) -> None:
    """One yellow card in July, and nothing since."""
    case = climber(feed, "l05", "01-19", NORTH, 4, "2025-10-01")
    lease = conditional(case, "01-21", "2025-10-01", "2027-09-30", NORTH)
    case.rent("2026-02", "2027-01", 56000)
    guided(case, "01-19", "2025-10-01", "01-27", "2027-01-26")
    case.send(OW, "lease.card_issued", "07-01", lease_id=lease, card="yellow")


def l06(feed: Feed) -> None:
    """Waits for a dwelling from January to April, then a step up; the place is free for somebody else."""
    case = climber(feed, "l06", "01-12", EAST, 3, "2025-03-03")
    case.grant("01-13", "wijkteam", "coordination", WIJKTEAM, org=ZI)
    case.send(ZI, "waiting.entered", "01-19", queue_id=f"{ZI}:W-L06", queue="ladder_step", step=4, reason="no_dwelling")
    case.link(OW, "02-23", by=ZI)
    case.send(OW, "dwelling.offered", "03-02", offer_id="F-L06", dwelling_id="D-806", resident_chose_area=False)
    case.lease(
        "04-01", "conditional", "2028-03-31", district=EAST, ground="woonladder", rent=56000, dwelling_id="D-806"
    )
    case.rent("2026-05", "2027-01", 56000)
    case.send(ZI, "waiting.left", "04-01", queue_id=f"{ZI}:W-L06", reason="placed")
    case.send(ZI, "ladder.step_changed", "04-01", from_step=3, to_step=4)
    case.send(ZI, "place.vacated", "04-01", kind="beschermd_wonen_licht")
    feed.send(ZI, "place.occupied", "04-20", data={"kind": "beschermd_wonen_licht", "reason": "new"})
    case.coach("04-01", "Z-12", 28, ZI)
    case.visits("04-08", "2027-01-13", 28, "Z-12", ZI)


def l07(feed: Feed) -> None:
    """The provider rents the dwelling until October; then the resident does: a step up."""
    case = climber(feed, "l07", "01-19", WEST, 4, "2025-05-01", DP)
    case.link(DP, "01-21", by=ZI)
    case.lease(
        "01-22", "three_party", district=WEST, org=DP, happened="2025-05-01", rent=56000, tenant="care_org",
        dwelling_id="D-807",
    )  # fmt: skip
    case.rent("2026-02", "2027-01", 56000, DP)
    guided(case, "01-19", "2025-05-01", "01-28", "2027-01-27")
    case.send(DP, "lease.converted", "10-01", lease_id="L-L07", to_kind="indefinite")
    case.send(ZI, "ladder.step_changed", "10-01", from_step=4, to_step=5)


def l08(feed: Feed) -> None:
    """The last step: on one's own, and half a year later still there."""
    case = climber(feed, "l08", "01-19", CENTRE, 5, "2024-05-01")
    case.link(OW, "01-21", by=ZI)
    case.lease(
        "01-22", "indefinite", clause=False, district=CENTRE, happened="2024-05-01", rent=56000, dwelling_id="D-808"
    )
    case.rent("2026-02", "2026-05", 56000)
    guided(case, "01-19", "2024-05-01", "01-29", "05-21")
    case.send(ZI, "ladder.step_changed", "05-04", from_step=5, to_step=6)
    case.send(ZI, "coach.ended", "05-29", assignment_id="AS-L08-1", reason="completed")
    case.close("06-01", org=ZI, goals_met={"resident": True, "coach": True}, tenancy_kept=True)
    case.send(GI, "caselead.ended", "06-01", reason="closed")
    case.send(ZI, "follow_up.held", "12-01", enrolment_id=f"{ZI}:E-L08", months_after_start=10, housed=True)


def _wrong(feed: Feed) -> None:
    # a fixed term of three years, which the law does not know
    feed.send(OW, "lease.started", "02-05", "C-L05", wrong=True, data={
        "lease_id": "L-9", "kind": "fixed_term", "ground": "tweede_kans", "ends_on": "2029-02-05", "tenant": "resident",
        "coaching_clause": True, "rent_cents": 56000,
    })  # fmt: skip
    # a step that is not on the ladder; a step to where one stands
    feed.send(ZI, "ladder.step_changed", "02-05", "Z-L05", wrong=True, data={"from_step": 4, "to_step": 7})
    feed.send(ZI, "ladder.step_changed", "02-05", "Z-L05", wrong=True, data={"from_step": 4, "to_step": 4})
    # the provider tells of the lease, which is the corporation's to tell
    feed.send(ZI, "lease.card_issued", "02-05", "Z-L05", wrong=True, data={"lease_id": "L-L05", "card": "red"})
    # a citizen number in the id of an event, as some systems build their ids (made up; passes the eleven-test)
    feed.send(ZI, "ladder.reviewed", "02-06", "Z-L05", wrong=True, id_="client 123456782 trede",
              data={"step": 4, "result": "stay"})  # fmt: skip
