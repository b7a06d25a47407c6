"""Wooncoach: ten trajectories, nine completed and one running."""

from __future__ import annotations

from stories.tell.feed import Feed, after, iso
from stories.tell.town import CENTRE, CO, DP, EAST, GI, NORTH, OW, RD, SOUTH, WEST, WZ
from stories.tell.ways import WIJKTEAM, Case, agreement, heartbeats

TITLE = "Wooncoach"
TELLS = """
Ten people leave protected housing, a shelter or a friend's sofa for a home of their own, with a coach of Coach Oost
beside them, as in a first pilot: nine trajectories are completed in a year, one still runs.
One has arrears and gets out of them, one changes coach, one refuses a dwelling, one waits four weeks for a new
coach, one is often not at home, one cannot be reached for seven weeks; one visit gets no result, one referral no
answer.
The wijkteam sees more where the resident agreed, and less again where that was refused, withdrawn or has run out.
The coach's feed is silent for a week in August. Among the files are doubled, late, corrected and wrong events.
"""
VERTELT = """
Tien mensen gaan van beschermd wonen, opvang of een bank bij vrienden naar een eigen huis, met een coach van Coach Oost
naast zich. Negen trajecten zijn na een jaar afgerond, één loopt nog. Er komt een huurachterstand voorbij en gaat weer
weg, een coach wisselt, een woning wordt geweigerd, iemand is weken niet te bereiken. Het wijkteam ziet meer waar de
bewoner dat goed vindt, en weer minder als die toestemming stopt.
"""
USERS = [
    "regie-cl4", "regie-cl9", "wijk-noord", "wijk-zuid", "steward-ijsselstad", "huur-ow", "coach-w17", "coach-w22",
    "coach-w31", "loket-co",
]  # fmt: skip
RESIDENTS = {
    "bewoner-5c1e": (f"{GI}:G-5c1e", "2026-01-05", "bewoner, eerste traject"),
    "bewoner-w02": (f"{GI}:G-W02", "2026-01-05", "bewoner met een achterstand die terugloopt"),
    "bewoner-w07": (f"{GI}:G-W07", "2026-01-12", "bewoner die een tijd niet te bereiken is"),
}
LOOKS = [
    ("coach-w17", "coach", "Bij wie ga ik vandaag langs?"),
    ("wijk-noord", "wijkteam", "Wie heeft nu iemand nodig?"),
    ("huur-ow", "corporatie", "Welk contract vraagt een besluit?"),
    ("bewoner-5c1e", "bewoner", "Wat is er afgesproken, en wie ziet wat van mij?"),
]
PARTIES = [GI, WZ, OW, DP, CO, RD]


def tell() -> Feed:
    feed = Feed("wc")
    agreement(
        feed,
        "wooncoach",
        "OV-1",
        PARTIES,
        ["coordination", "guidance", "tenancy", "care", "early_signalling", "evaluation"],
    )
    feed.send(
        GI, "programme.capacity_set", "01-05", data={"programme": "wooncoach", "places": 10, "until": "2026-12-31"}
    )
    _dwellings(feed)
    for one in (w01, w02, w03, w04, w05, w06, w07, w08, w09, w10):
        one(feed)
    heartbeats(feed, CO)
    _wrong(feed)
    return feed


def _dwellings(feed: Feed) -> None:
    feed.send(
        OW, "complex.assessed", "01-05",
        data={"complex_id": "CX-12", "dwellings": 48, "target_programme_share_pct": 15, "dwellings_for_programme": 6},
    )  # fmt: skip
    for month, reports in (("01", 3), ("02", 2), ("03", 4), ("04", 2), ("05", 3)):
        feed.send(
            OW, "complex.nuisance_counted", f"{int(month) + 1:02d}-04",
            data={"complex_id": "CX-12", "month": f"2026-{month}", "reports": reports},
        )  # fmt: skip
    for number in (881, 882, 883, 884):
        feed.send(
            OW, "dwelling.made_available", "01-15",
            data={"dwelling_id": f"D-{number}", "complex_id": "CX-12", "programme": "wooncoach"}
            | {"available_on": "2026-02-15"},
        )  # fmt: skip


def start(
    feed: Feed, key: str, on: str, route: str, district: str, worker: str, subjects: dict[str, str] | None = None,
    accepted: int = 3,
) -> Case:  # fmt: skip
    """Referred, accepted, met, planned: the first three weeks. `accepted`: days from enrolment to the answer."""
    number = key.upper()
    case = Case(feed, key, subjects or {GI: f"G-{number}", CO: f"K-{number}", OW: f"C-{number}", WZ: f"ZU-{number}"})
    case.enrol(on, "wooncoach", route, district, "2026-1")
    case.refer(after(on, 1), CO, "wooncoach")
    case.lead(after(on, 1))
    case.link(OW, after(on, 2))
    case.send(CO, "referral.accepted", after(on, accepted), referral_id=f"{GI}:{case.own('R')}-1")
    case.send(
        CO, "intake.held", after(on, max(8, accepted + 1)),
        situation=["no_own_home", "lonely"], weight="light",
        domains=[
            {"domain": "housing", "wants": "own_home", "can_self": ["household"], "needs": ["neighbour_contact"]},
            {"domain": "administration", "wants": "overview", "can_self": [], "needs": ["administration_help"]},
        ],
    )  # fmt: skip
    case.plan(
        after(on, 20),
        [
            (OW, "housing", "offer_dwelling", after(on, 50), True),
            ("resident", "administration", "open_bank_account", after(on, 34)),
            (CO, "money", "budget_plan", after(on, 90)),
        ],
    )
    case.endorse(OW, after(on, 21))
    case.endorse(CO, after(on, 22))
    case.done(CO, after(on, 28), 2)
    case.done(CO, after(on, 84), 3)
    return case


def house(
    case: Case, offered: str, on: str, district: str, dwelling: str | None = None, last_month: str = "2026-12",
    told: dict[str, tuple[int, str | None, list[int]]] | None = None,
) -> None:  # fmt: skip
    """A dwelling is offered, the lease with its coaching clause starts, rent is told every month."""
    where = {"dwelling_id": dwelling, "complex_id": "CX-12"} if dwelling else {"dwelling_id": f"D-9{case.key[1:]}"}
    case.send(OW, "dwelling.offered", offered, offer_id=f"{case.own('F')}-1", **where, resident_chose_area=True)
    case.done(OW, after(offered, 7), 1)
    case.lease(
        on, "conditional", iso(f"2028-{on[-5:]}"), district=district, ground="doorstroom_beschermd_wonen", **where
    )
    case.rent(f"2026-{int(on[:2]) + 1:02d}", last_month, told=told)


def finish(case: Case, on: str, assignment: int = 1) -> None:
    """Evaluated, decided, the lease becomes an ordinary one, and everybody says goodbye."""
    lease = case.own("L")
    case.send(OW, "lease.evaluation_planned", after(on, -35), lease_id=lease, planned_on=iso(after(on, -21)))
    case.send(OW, "lease.evaluated", after(on, -21), lease_id=lease, result="positive")
    case.send(OW, "lease.decided", after(on, -14), lease_id=lease, decision="convert")
    case.send(OW, "lease.converted", on, lease_id=lease, to_kind="indefinite")
    case.send(CO, "coach.ended", on, assignment_id=f"{case.own('AS')}-{assignment}", reason="completed")
    case.send(CO, "referral.closed", on, referral_id=f"{GI}:{case.own('R')}-1", result="goal_reached")
    case.close(on, goals_met={"resident": True, "coach": True}, tenancy_kept=True)
    case.send(GI, "caselead.ended", on, reason="closed")


def calmer(case: Case, on: str, worker: str, assignment: int = 1) -> None:
    """From now on once in four weeks."""
    case.send(
        CO, "coach.changed", on,
        assignment_id=f"{case.own('AS')}-{assignment}", role="wooncoach", worker=worker, interval_days=28,
        mode="active",
    )  # fmt: skip


def w01(feed: Feed) -> None:
    """As it was meant: everything agreed, everything kept."""
    case = start(feed, "w01", "01-05", "beschermd_wonen", CENTRE, "W-17", {GI: "G-5c1e", CO: "K-88", OW: "C-7f3a91"})
    link = case.link(CO, "01-06")
    case.open_to_helpers("01-06")
    case.grant("01-06", "wijkteam", "coordination", WIJKTEAM)
    house(case, "01-28", "02-16", CENTRE, "D-881")
    case.coach("02-02", "W-17")
    case.visits("02-10", "08-11", 14, "W-17")
    calmer(case, "08-12", "W-17")
    case.visits("09-08", "12-29", 28, "W-17", planned_on="08-11")
    finish(case, "2027-01-08")
    feed.again(link, "01-07")  # it had not heard the receipt


def w02(feed: Feed) -> None:
    """A month of rent stays out, then two; a payment plan is agreed and kept."""
    case = start(feed, "w02", "01-05", "maatschappelijke_opvang", NORTH, "W-17")
    case.link(CO, "01-06")
    case.open_to_helpers("01-07")
    case.refuse("01-07", "wijkteam", "coordination", WIJKTEAM)
    house(case, "01-28", "02-16", NORTH, "D-882", told={
        "2026-03": (61250, "03-01", [0, 4]),
        "2026-04": (61250, "04-01", [0, 12, 4]),
        "2026-05": (61250, "05-01", [0, 12, 12, 4]),
        "2026-06": (122500, "05-01", [12, 12, 35, 4]),
        "2026-07": (98000, "05-01", [12, 65, 34, 4]),
        "2026-08": (64000, "06-01", [70, 65, 34, 4]),
        "2026-09": (27000, "07-01", [70, 66, 35, 4]),
        "2026-10": (9000, "09-01", [66, 40, 34, 4]),
    })  # fmt: skip
    case.balance("03-13", 0, None, [0, 12])  # paid, twelve days late, in March and in April
    case.balance("04-13", 0, None, [0, 12, 12])
    case.balance("05-20", 61250, "05-01", [0, 12, 12, 19])
    case.effort("05-22", "written_reminder")
    case.effort("05-26", "personal_contact", reached=True)
    case.effort("05-26", "pointed_to_debt_help")
    case.send(
        OW, "payment_plan.agreed", "06-10",
        payment_plan_id="BR-W02", lease_id="L-W02", term_cents=12250, terms=10, first_due_on="2026-07-01",
    )  # fmt: skip
    case.send(OW, "payment_plan.completed", "12-04", payment_plan_id="BR-W02", lease_id="L-W02")
    case.coach("02-02", "W-17")
    case.visits("02-11", "08-12", 14, "W-17")
    calmer(case, "08-13", "W-17")
    case.visits("09-09", "12-30", 28, "W-17", planned_on="08-12")
    finish(case, "2027-01-08")


def w03(feed: Feed) -> None:
    """A colleague covers in July, another takes over in September; the wijkteam's permission is withdrawn in April."""
    case = start(feed, "w03", "01-05", "bankhopper", NORTH, "W-17")
    case.link(CO, "01-06")
    case.open_to_helpers("01-08")
    consent = case.grant("01-08", "wijkteam", "coordination", WIJKTEAM)
    case.send(GI, "consent.withdrawn", "04-02", consent_id=consent)
    house(case, "01-29", "02-16", NORTH, "D-883")
    case.coach("02-02", "W-17")
    case.visits("02-12", "07-02", 14, "W-17")
    case.send(CO, "coach.covered", "07-06", assignment_id="AS-W03-1", worker="W-31", until="2026-07-24")
    case.visits("07-16", "07-16", 14, "W-31", planned_on="07-06")
    case.visits("07-30", "09-10", 14, "W-17", planned_on="07-16")
    case.send(
        CO, "coach.changed", "09-15",
        assignment_id="AS-W03-1", role="wooncoach", worker="W-22", interval_days=28, mode="active",
    )  # fmt: skip
    case.visits("09-24", "2027-01-14", 28, "W-22", planned_on="09-15")
    finish(case, "2027-01-15")


def w04(feed: Feed) -> None:
    """Refuses the first dwelling; nobody ever asked for permission. A correction comes before what it corrects."""
    case = start(feed, "w04", "01-05", "beschermd_wonen", EAST, "W-22")
    case.link(CO, "01-06")
    case.send(OW, "dwelling.offered", "01-28", offer_id="F-W04-0", dwelling_id="D-884", complex_id="CX-12")
    case.send(OW, "dwelling.refused", "01-30", offer_id="F-W04-0", reason="location")
    house(case, "02-10", "03-02", EAST)
    case.coach("02-09", "W-22")
    case.visits("02-17", "12-08", 14, "W-22", missed={"05-12": ""})
    missed = {"visit_id": "V-W04-07", "missed_by": "resident", "worker": "W-22"}
    case.correct(
        CO, "05-12", "co-w04-visit7", "wrong_value", occurred_on="2026-05-12", **missed | {"missed_by": "organisation"}
    )
    feed.send(CO, "coach.visit_missed", "05-13", "K-W04", happened="05-12", id_="co-w04-visit7", data=missed)
    finish(case, "12-18")


def w05(feed: Feed) -> None:
    """The coach stops, and for almost four weeks there is none. The acceptance came before its link, and waited."""
    case = start(feed, "w05", "01-12", "maatschappelijke_opvang", EAST, "W-22")
    case.link(CO, "01-16")
    case.open_to_helpers("01-19")
    case.grant("01-19", "wijkteam", "coordination", WIJKTEAM)
    house(case, "02-04", "02-16", EAST)
    case.coach("02-09", "W-22")
    case.visits("02-18", "04-01", 14, "W-22")
    case.send(CO, "coach.ended", "04-02", assignment_id="AS-W05-1", reason="stopped_by_organisation")
    case.coach("04-29", "W-31", n=2)
    case.visits("05-06", "12-16", 14, "W-31", planned_on="04-29")
    finish(case, "12-18", assignment=2)


def w06(feed: Feed) -> None:
    """Often not at home in May, then there again; one miss was the coach's own, told wrong and corrected."""
    case = start(feed, "w06", "01-12", "beschermd_wonen", WEST, "W-22")
    case.link(CO, "01-14")
    case.open_to_helpers("01-19")
    house(case, "02-11", "03-02", WEST)
    case.coach("02-09", "W-22")
    case.visits("02-24", "03-24", 14, "W-22")
    visit = case.plan_visit("03-24", "04-07", "W-22")
    miss = case.result(visit, "04-07", "W-22", outcome="resident")
    case.correct(
        CO,
        "04-09",
        miss,
        "wrong_value",
        occurred_on="2026-04-07",
        visit_id=visit,
        missed_by="organisation",
        worker="W-22",
    )
    case.visits("04-21", "12-15", 14, "W-22", planned_on="04-09", missed={"05-05": "resident", "06-02": "resident"})
    case.tried("05-06", "phone")
    case.tried("06-03", "phone", reached=True)
    feed.answer("06-04", "coach-w22", "K-W06", "contact_thinning", "acknowledged", "acting")
    finish(case, "2027-01-08")


def w07(feed: Feed) -> None:
    """Seven weeks without contact: letters, calls, a knock on the door; then somebody opens."""
    case = start(feed, "w07", "01-12", "bankhopper", WEST, "W-17")
    case.link(CO, "01-14")
    case.open_to_helpers("01-19")
    case.grant("01-19", "wijkteam", "coordination", WIJKTEAM)
    house(case, "02-11", "03-02", WEST)
    case.coach("02-09", "W-17")
    case.visits("02-17", "06-09", 14, "W-17", missed={"05-26": "resident", "06-09": "resident"})
    case.tried("05-28", "phone")
    case.tried("06-03", "door")
    case.tried("06-10", "phone")
    case.tried("06-17", "letter")
    case.tried("07-02", "door", reached=True)
    case.visits("07-07", "12-22", 14, "W-17", planned_on="07-02")
    finish(case, "2027-01-15")


def w08(feed: Feed) -> None:
    """One visit has no result for three weeks; when it comes it tells of a day long past."""
    case = start(feed, "w08", "01-12", "maatschappelijke_opvang", CENTRE, "W-22")
    case.link(CO, "01-14")
    case.open_to_helpers("01-19")
    house(case, "02-11", "03-02", CENTRE)
    case.coach("02-09", "W-22")
    case.visits("02-17", "12-22", 14, "W-22", missed={"04-14": ""})
    case.result("V-W08-05", "05-04", "W-22", happened="04-14")
    finish(case, "2027-01-15")


def w09(feed: Feed) -> None:
    """Came in March, moves to another district in June, still guided. The wijkteam's permission runs out."""
    case = start(feed, "w09", "03-02", "beschermd_wonen", EAST, "W-17")
    case.link(CO, "03-03")
    case.open_to_helpers("03-05")
    case.grant("03-05", "wijkteam", "coordination", WIJKTEAM, until="2026-09-30")
    house(case, "04-15", "06-01", SOUTH, last_month="2027-01")
    case.link(WZ, "06-03")
    case.coach("05-11", "W-17")
    case.visits("05-26", "2027-01-19", 14, "W-17")
    case.plan_visit("2027-01-19", "2027-02-02", "W-17")
    # told of the wrong person, and taken back the next day
    miss = case.send(CO, "coach.visit_missed", "09-02", visit_id="V-W09-99", missed_by="resident", worker="W-17")
    case.retract(CO, "09-03", miss, "wrong_person")


def w10(feed: Feed) -> None:
    """The referral lies unanswered for sixteen days. One result is told two days late."""
    case = start(feed, "w10", "01-12", "maatschappelijke_opvang", NORTH, "W-22", accepted=17)
    case.link(CO, "01-14")
    house(case, "02-12", "03-16", NORTH, "D-884")
    case.coach("02-16", "W-22")
    case.visits("02-24", "12-15", 14, "W-22", missed={"06-16": ""})
    case.result("V-W10-09", "06-18", "W-22", happened="06-16")
    finish(case, "2027-01-08")


def _wrong(feed: Feed) -> None:
    """What a door sees every week."""
    met = {"channel": "door", "present": ["resident"], "worker": "W-17"}
    # somebody typed a citizen number (a made-up one that passes the eleven-test) where the pseudonym belongs
    feed.send(
        GI, "notice.given", "01-07", "123456782", wrong=True, data={"version": "2026-1", "channel": "letter"}
    )  # fmt: skip
    feed.send(CO, "coach.visit_held", "02-25", "K-88", happened=None, wrong=True,
              data={"occurred_on": "2026-02-30", "visit_id": "V-W01-99"} | met)  # fmt: skip
    feed.send(
        CO, "coach.visit_held", "02-25", "K-88", wrong=True, data={"visit_id": "V-W01-98"} | met | {"channel": "pigeon"}
    )
    feed.send(CO, "coach.visit_hugged", "02-26", "K-88", wrong=True, data={"visit_id": "V-W01-97"} | met)
    feed.send(
        CO, "coach.visit_held", "02-26", "K-88", wrong=True, data={"visit_id": "V-W01-96"} | met,
        envelope={"dataschema": "https://woonketen.example/contracts/coach.visit_held/9"},
    )  # fmt: skip
    feed.send(
        OW, "lease.started", "03-05", "C-W02", wrong=True, envelope={"source": "urn:nld:kvknr:05054321:systeem:huur"},
        data={"lease_id": "L-2", "kind": "indefinite", "tenant": "resident", "coaching_clause": False, "rent_cents": 1},
    )  # fmt: skip
    feed.send(
        CO, "rent.balance_reported", "03-05", "K-W02", wrong=True,
        data={"lease_id": "L-W02", "outstanding_cents": 0, "rent_cents": 61250, "paid_late_days": []},
    )  # fmt: skip
    feed.send(CO, "subject.linked", "03-05", "K-777", wrong=True, data={"link_code": "ABCD-EFGH-2345"})
    feed.line(CO, "03-05", '{"specversion":"1.0","id":"co-half",')
    feed.line(GI, "03-09", '{"specversion":"1.0","id":"gi-big","data":"' + "x" * 66_000 + '"}')
    # never linked, and a retraction of what was never sent: both wait thirty days, then are refused
    feed.send(CO, "contact.attempted", "02-03", "K-404", wrong=True, data={"channel": "phone", "reached": False})
    feed.send(
        OW, "event.retracted", "02-17", "C-W03", wrong=True, data={"original_id": "ow-never", "reason": "duplicate"}
    )
    # the same id once more, with other content
    feed.send(OW, "fire_safety.visit_held", "04-10", "C-7f3a91", id_="ow-fire-1", data={})
    feed.send(
        OW, "fire_safety.visit_held", "04-13", "C-7f3a91", happened="04-10", id_="ow-fire-1", wrong=True,
        data={"follow_up_due_on": "2026-05-10"},
    )  # fmt: skip
