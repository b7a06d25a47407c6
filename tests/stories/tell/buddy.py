"""Buddy: five households, then twenty. Three questions, a plan with owners, followed until everybody did their part."""

from __future__ import annotations

from stories.tell.feed import Feed, after
from stories.tell.town import BM, CENTRE, DP, EAST, GI, NORTH, OW, RD, WEST, WZ, ZI
from stories.tell.ways import WIJKTEAM, Case, agreement, heartbeats

TITLE = "Buddy"
TELLS = """
Buurtmaat asks three questions (what is going on, what do you want and what can you do yourself, what do you need),
makes a plan in which every action has an owner, and follows it until each party did its part. Five households begin in
February; in autumn they are twenty. Some buddies are professionals, some volunteers who know only their own task.
One corporation leaves a repair for seven weeks: the warning is about the corporation, not about the household.
One care provider makes a new appointment twice, as agreed, and is late only after that. Somebody who has been there
herself keeps the overview of who is late, and sees nothing else.
"""
VERTELT = """
Buurtmaat stelt drie vragen (wat speelt er, wat wilt en kunt u zelf, wat heeft u nodig), maakt een plan waarin elke
afspraak een eigenaar heeft, en volgt het tot elke partij haar deel deed. Het begint met vijf huishoudens; in het najaar
zijn het er twintig. Een corporatie laat een reparatie zeven weken liggen: het signaal gaat over de corporatie.
"""
USERS = [
    "regie-cl4", "regie-cl9", "wijk-noord", "steward-ijsselstad", "huur-ow", "zorg-z5", "buddy-b3", "vrijwilliger-v3",
    "vrijwilliger-v5", "ervaring-e1",
]  # fmt: skip
RESIDENTS = {"bewoner-b03": (f"{BM}:B-B03", "2026-02-09", "bewoner die op een reparatie wacht")}
LOOKS = [
    ("buddy-b3", "coach", "Bij wie ga ik vandaag langs?"),
    ("vrijwilliger-v3", "vrijwilliger", "Wat heb ik beloofd?"),
    ("ervaring-e1", "vrijwilliger", "Welke partij is te laat?"),
    ("regie-cl4", "casusregisseur", "Welke partij is te laat met wat?"),
]
PARTIES = [GI, WZ, OW, DP, ZI, BM, RD]


def tell() -> Feed:
    feed = Feed("bu")
    agreement(feed, "buddy", "OV-4", PARTIES, ["coordination", "guidance", "tenancy", "care", "own_task", "evaluation"])
    for one in (b01, b02, b03, b04, b05):
        one(feed)
    for number in range(6, 21):
        _autumn(feed, number)
    heartbeats(feed, ZI)
    _wrong(feed)
    return feed


def household(feed: Feed, key: str, on: str, district: str, weight: str = "light", lead: str = "CL-4") -> Case:
    """Enrolled by Buurtmaat itself; the municipality is linked and gives a case lead; the three questions."""
    number = key.upper()
    case = Case(feed, key, {BM: f"B-{number}", GI: f"G-{number}", OW: f"C-{number}", ZI: f"Z-{number}"})
    case.enrol(on, "buddy", "bankhopper", district, "2026-b1", org=BM)
    case.link(GI, after(on, 1), by=BM)
    case.lead(after(on, 2), lead, "CL-9" if lead == "CL-4" else "CL-4")
    case.send(
        BM, "intake.held", after(on, 3), situation=["debts", "lonely", "mail_unopened"], weight=weight,
        domains=[
            {"domain": "administration", "wants": "overview", "can_self": ["mail"], "needs": ["administration_help"]},
            {"domain": "network", "wants": "people_around", "can_self": [], "needs": ["company"]},
        ],
    )  # fmt: skip
    return case


def b01(feed: Feed) -> None:
    """A professional first; from June a volunteer in the background; everybody did their part, so it is closed."""
    case = household(feed, "b01", "02-02", NORTH)
    case.open_to_helpers("02-03", org=BM)
    case.grant("02-03", "wijkteam", "coordination", WIJKTEAM, org=BM)
    case.plan(
        "02-16",
        [
            (BM, "administration", "administration_help", "04-15", "V-3"),
            (GI, "money", "apply_benefit", "03-16"),
            ("network", "network", "contact_family", "03-30"),
            ("resident", "administration", "open_mail", "03-02"),
        ],
        by=BM,
    )
    case.endorse(GI, "02-17", by=BM)
    case.done(BM, "02-27", 4, by=BM)
    case.done(GI, "03-12", 2, by=BM)
    case.done(BM, "03-27", 3, by=BM)
    case.done(BM, "04-10", 1, by=BM)
    case.coach("02-16", "B-3", 28, BM, "buddy_professional")
    case.visits("02-24", "05-19", 28, "B-3", BM)
    case.send(BM, "support.requested", "03-02", support_id="SU-B01", kind="company")
    case.send(BM, "support.matched", "03-20", support_id="SU-B01", kind="company")
    case.send(BM, "coach.ended", "06-01", assignment_id="AS-B01-1", reason="transferred")
    case.coach("06-01", "V-3", 56, BM, "buddy_volunteer", "background", n=2)
    case.send(BM, "coach.ended", "10-01", assignment_id="AS-B01-2", reason="completed")
    case.send(BM, "support.ended", "10-01", support_id="SU-B01")
    case.close("10-01", org=BM, goals_met={"resident": True})
    case.send(GI, "caselead.ended", "10-01", reason="closed")


def b02(feed: Feed) -> None:
    """The care provider makes a new appointment twice, with the resident; after the third date it is late."""
    case = household(feed, "b02", "02-02", EAST, "heavy")
    case.link(ZI, "02-05", by=BM)
    case.plan(
        "02-16",
        [(ZI, "day_activity", "find_day_activity", "03-16"), (BM, "household", "household_help", "03-30", "V-5")],
        by=BM,
    )
    case.endorse(ZI, "02-18", by=BM)
    for on, due in (("03-12", "04-13"), ("04-10", "05-11")):
        case.send(
            ZI, "action.rescheduled", on, plan_id=f"{BM}:PL-B02", action_id="A-1", due_on=f"2026-{due}",
            agreed_with_resident=True,
        )  # fmt: skip
    case.done(BM, "03-26", 2, by=BM)
    case.done(ZI, "05-26", 1, by=BM)
    case.send(ZI, "day_activity.started", "05-26", activity_id="DA-B02", kind="volunteer_work", in_own_district=True)
    case.coach("02-16", "B-3", 28, BM, "buddy_professional")
    case.visits("02-25", "12-30", 28, "B-3", BM)


def b03(feed: Feed) -> None:
    """The repair: due in the middle of March, done in May."""
    case = household(feed, "b03", "02-09", WEST)
    case.link(OW, "02-11", by=BM)
    case.lease(
        "02-12", "indefinite", clause=False, district=WEST, rent=54000, happened="2019-03-01", dwelling_id="D-703"
    )
    case.plan(
        "02-23",
        [
            (OW, "housing", "repair", "03-16"),
            (BM, "administration", "administration_help", "03-30", "V-5"),
            (GI, "money", "apply_allowance", "03-30"),
            ("resident", "administration", "open_mail", "03-09"),
        ],
        by=BM,
    )
    case.endorse(OW, "02-25", by=BM)
    case.endorse(GI, "02-25", by=BM)
    case.done(BM, "03-06", 4, by=BM)
    case.done(BM, "03-27", 2, by=BM)
    case.done(GI, "03-27", 3, by=BM)
    case.done(OW, "05-06", 1, by=BM)
    case.rent("2026-03", "2027-01", 54000)
    case.coach("02-23", "B-3", 28, BM, "buddy_professional")
    case.visits("03-03", "12-08", 28, "B-3", BM)


def b04(feed: Feed) -> None:
    """Two volunteers with a task each; one asks for attention in May, without saying why."""
    case = household(feed, "b04", "02-09", CENTRE)
    case.open_to_helpers("02-10", org=BM)
    case.plan(
        "02-23",
        [
            (BM, "administration", "explain_letters", "03-30", "V-3"),
            (BM, "network", "introduce_neighbours", "04-20", "V-5"),
        ],
        by=BM,
    )
    case.send(
        BM, "action.added", "03-16", plan_id=f"{BM}:PL-B04",
        action={"action_id": "A-3", "owner": BM, "domain": "household", "kind": "weekly_visit", "due_on": "2026-06-15",
                "blocking": False, "worker": "V-3"},
    )  # fmt: skip
    case.done(BM, "03-27", 1, by=BM)
    case.done(BM, "04-17", 2, by=BM)
    case.done(BM, "06-12", 3, by=BM)
    case.coach("02-23", "B-3", 28, BM, "buddy_professional")
    case.visits("03-04", "12-09", 28, "B-3", BM)
    case.send(BM, "attention.flagged", "05-11", until="2026-05-25")
    case.send(BM, "support.requested", "03-02", support_id="SU-B04", kind="meal")
    case.send(BM, "support.matched", "04-13", support_id="SU-B04", kind="meal")


def b05(feed: Feed) -> None:
    """Says no to everybody but to the woman who has been there herself: she keeps the overview."""
    case = household(feed, "b05", "02-09", NORTH, "heavy")
    case.link(ZI, "02-12", by=BM)
    case.refuse("02-10", "wijkteam", "coordination", WIJKTEAM, org=BM)
    case.refuse("02-10", "casusregisseur", "coordination", ["intake", "visits"], org=BM)
    case.grant("02-10", "vrijwilliger", "own_task", ["overview", "plan", "involvement"], org=BM)
    case.plan(
        "02-23",
        [
            (GI, "money", "apply_benefit", "04-06"),
            (ZI, "care", "arrange_care", "03-30"),
            (BM, "administration", "budget_plan", "04-20"),
        ],
        by=BM,
    )
    case.done(ZI, "03-26", 2, by=BM)
    case.done(BM, "04-16", 3, by=BM)
    case.done(GI, "04-10", 1, by=BM)
    case.coach("02-23", "E-1", 28, BM, "ervaringsdeskundige")
    case.coach("02-23", "B-3", 28, BM, "buddy_professional", n=2)
    case.visits("03-05", "12-10", 28, "B-3", BM)


def _autumn(feed: Feed, number: int) -> None:
    """The fifteen of autumn: five a week, half of them with a volunteer in the background."""
    on = after("09-07", 7 * ((number - 6) // 5))
    district = (NORTH, EAST, WEST, CENTRE, None)[number % 5]
    key = f"b{number:02d}"
    volunteer = number % 2 == 0
    case = household(feed, key, on.isoformat(), district or NORTH, lead="CL-9")
    case.plan(
        after(on, 10),
        [
            (BM, "administration", "administration_help", after(on, 45), "V-3" if volunteer else "V-5"),
            (GI, "money", "apply_allowance", after(on, 50)),
        ],
        by=BM,
    )
    case.endorse(GI, after(on, 11), by=BM)
    case.done(BM, after(on, 38), 1, by=BM)
    case.done(GI, after(on, 44), 2, by=BM)
    if volunteer:
        case.coach(after(on, 10), "V-3", 56, BM, "buddy_volunteer", "background")
    else:
        case.coach(after(on, 10), "B-3", 28, BM, "buddy_professional")
        case.visits(after(on, 16), "12-18", 28, "B-3", BM)
    if number % 3 == 0:
        case.send(BM, "support.requested", after(on, 12), support_id=f"SU-{key.upper()}", kind="shopping")
        case.send(BM, "support.matched", after(on, 30), support_id=f"SU-{key.upper()}", kind="shopping")


def _wrong(feed: Feed) -> None:
    # a note that does not belong on a shared log
    feed.send(BM, "support.requested", "03-02", "B-B01", wrong=True,
              data={"support_id": "SU-9", "kind": "meal", "note": "komt uit Assen"})  # fmt: skip
    # a permission for a role and an organisation at once
    feed.send(BM, "consent.granted", "03-02", "B-B04", wrong=True, data={
        "consent_id": f"{BM}:T-9", "recipient": {"role": "coach", "org": ZI}, "purpose": "guidance",
        "categories": ["plan"], "valid_from": "2026-03-02", "valid_until": "2026-12-31", "recorded": "on_paper",
    })  # fmt: skip
    # a telephone number as pseudonym (0612345678 is nobody's)
    feed.send(BM, "attention.flagged", "03-03", "0612345678", wrong=True, data={"until": "2026-03-10"})
    feed.send(BM, "arrears.effort_made", "03-03", "B-B03", wrong=True,
              data={"lease_id": "L-B03", "effort": "personal_contact"})  # fmt: skip
    feed.send(BM, "support.requested", "03-04", "B-B04", wrong=True, envelope={"time": "gisteren"},
              data={"support_id": "SU-8", "kind": "meal"})  # fmt: skip
    # action of a plan, told as if it were done next century
    feed.send(BM, "action.completed", "03-04", "B-B04", wrong=True, happened="2126-03-04",
              data={"plan_id": f"{BM}:PL-B04", "action_id": "A-1"})  # fmt: skip
