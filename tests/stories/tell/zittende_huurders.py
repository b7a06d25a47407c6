"""Sitting tenants: eighteen people who have a home and are about to lose it. The lease stays, a coach comes."""

from __future__ import annotations

from stories.tell.feed import Feed, after, iso
from stories.tell.town import CENTRE, CO, DP, EAST, GI, NORTH, OW, RD, SOUTH, WEST, WZ
from stories.tell.ways import WIJKTEAM, Case, agreement, heartbeats

TITLE = "Zittende huurders"
TELLS = """
Eighteen tenants of two corporations have a home and are about to lose it: ten because of arrears, eight because of
nuisance. Nobody moves: the lease stays, a wooncoach comes. The corporation is the first that knows, so it enrols
most of them itself, and the municipality and the coach are linked to its own number later.
Before a corporation may signal arrears it has to make four efforts; one tenant objects to the signal. One balance was
typed wrong and is corrected, one corporation forgets to send balances, one tenant was enrolled twice and becomes one.
Dakpan Wonen sends spreadsheets, Openbaar Wonen events. Neighbours' reports stay out of sight where nobody allowed it.
"""
VERTELT = """
Achttien huurders van twee corporaties dreigen hun huis te verliezen: tien door een huurachterstand, acht door overlast.
Niemand verhuist: het contract blijft, er komt een wooncoach. Vóór een achterstand gemeld mag worden, doet de corporatie
vier dingen; één huurder maakt bezwaar tegen de melding.
"""
USERS = [
    "regie-cl4", "regie-cl9", "wijk-noord", "wijk-zuid", "steward-ijsselstad", "huur-ow", "huur-dp", "coach-w40",
    "coach-w41",
]  # fmt: skip
RESIDENTS = {
    "bewoner-s02": (f"{DP}:D-S02", "2026-02-09", "huurder die bezwaar maakt"),
    "bewoner-s05": (f"{DP}:D-S05", "2026-03-02", "huurder met een dagvaarding"),
}
LOOKS = [
    ("huur-dp", "corporatie", "Bij wie loopt de achterstand op, en wat moet ik nog doen?"),
    ("coach-w40", "coach", "Bij wie ga ik vandaag langs?"),
    ("regie-cl9", "casusregisseur", "Welke partij is te laat met wat?"),
]
PARTIES = [GI, WZ, OW, DP, CO, RD]


def tell() -> Feed:
    feed = Feed("zh")
    purposes = ["coordination", "guidance", "tenancy", "care", "early_signalling", "evaluation"]
    agreement(feed, "wooncoach", "OV-2", PARTIES, purposes)
    agreement(feed, "early_signalling", "OV-3", [GI, OW, DP, RD], ["early_signalling", "tenancy", "coordination"])
    for one in (s01, s02, s03, s04, s05, s06, s07, s08, s09, s10, s11, s12, s13, s14, s15, s16, s17, s18):
        one(feed)
    heartbeats(feed, CO)
    _wrong(feed)
    return feed


def tenant(feed: Feed, key: str, landlord: str, on: str, district: str, since: str, rent: int = 58000) -> Case:
    """The corporation enrols a tenant of its own and tells the lease, which is years old."""
    number = key.upper()
    letter = "D" if landlord == DP else "C"
    case = Case(feed, key, {landlord: f"{letter}-{number}", GI: f"G-{number}", CO: f"K-{number}", WZ: f"ZU-{number}"})
    case.enrol(on, "wooncoach", "zittende_huurder", district, "2026-zh1", org=landlord)
    _old_lease(case, landlord, on, since, district, rent)
    return case


def _old_lease(case: Case, landlord: str, on: str, since: str, district: str, rent: int) -> None:
    case.lease(
        on, "indefinite", clause=False, district=district, rent=rent, org=landlord, happened=since,
        dwelling_id=f"D-5{case.key[1:]}",
    )  # fmt: skip


def guided(
    case: Case, landlord: str, on: str, worker: str, last: str, interval: int = 28, lead: bool = True,
    missed: dict[str, str] | None = None, mode: str = "active",
) -> None:  # fmt: skip
    """Referred by the corporation on `on`; answered, met and planned within three weeks; visited until `last`."""
    case.refer(on, CO, "wooncoach", org=landlord)
    case.link(CO, after(on, 1), by=landlord)
    case.send(CO, "referral.accepted", after(on, 3), referral_id=f"{landlord}:{case.own('R')}-1")
    case.send(
        CO, "intake.held", after(on, 7), situation=["arrears", "mail_unopened"], weight="heavy",
        domains=[{"domain": "money", "wants": "stay_here", "can_self": ["appointments"], "needs": ["budget_help"]}],
    )  # fmt: skip
    if lead:
        case.link(GI, after(on, 2), by=landlord)
        case.lead(after(on, 4), "CL-9", "CL-4")
    case.plan(
        after(on, 14),
        [(CO, "money", "budget_plan", after(on, 60)), (landlord, "housing", "repair", after(on, 45))],
        by=CO,
    )
    case.endorse(landlord, after(on, 16), by=CO)
    case.coach(after(on, 7), worker, interval, mode=mode)
    case.done(landlord, after(on, 38), 2, by=CO)
    case.done(CO, after(on, 49), 1, by=CO)
    case.visits(after(on, 22), last, interval, worker, planned_on=after(on, 14), missed=missed)


def s01(feed: Feed) -> None:
    """Early signalling first: four efforts, a signal, help; then a trajectory."""
    case = Case(feed, "s01", {DP: "D-S01", GI: "G-S01", CO: "K-S01"})
    case.send(
        DP, "enrolment.opened", "02-09", enrolment_id=f"{DP}:E-S01-0", programme="early_signalling",
        route="zittende_huurder", municipality="GM9900", district=WEST,
    )  # fmt: skip
    case.notice("02-09", DP)
    _old_lease(case, DP, "02-09", "2017-05-01", WEST, 58000)
    case.balance("02-09", 116000, "2025-12-01", [12, 15, 40, 8], 58000, DP)
    case.balance("03-05", 174000, "2025-12-01", [15, 94, 63, 4], 58000, DP)
    case.effort("02-11", "written_reminder", DP)
    case.effort("02-16", "personal_contact", DP, reached=True)
    case.effort("02-16", "pointed_to_debt_help", DP)
    case.effort("03-05", "offer_to_pass_on", DP)
    case.link(GI, "02-10", by=DP)
    case.send(
        DP, "arrears.signalled", "03-09", signal_id=f"{DP}:VS-S01", lease_id="L-S01", amount_cents=174000, to_org=GI
    )
    case.send(
        GI, "debt_help.outcome", "03-30", signal_id=f"{DP}:VS-S01",
        outcome="Vervolghulp en/of verwijzing financieel", attempts=2,
    )  # fmt: skip
    case.send(DP, "enrolment.closed", "04-01", enrolment_id=f"{DP}:E-S01-0", outcome="completed", tenancy_kept=True)
    case.enrol("04-01", "wooncoach", "zittende_huurder", WEST, "2026-zh1", org=DP)
    guided(case, DP, "04-07", "W-40", "12-22", lead=False)
    case.lead("04-10", "CL-9", "CL-4")
    _pays_off(case, "2026-04", [(174000, "2025-12-01"), (150000, "01-01"), (120000, "02-01"), (90000, "03-01"),
                                (50000, "05-01"), (25000, "07-01"), (9000, "08-01"), (0, None)])  # fmt: skip


def _pays_off(
    case: Case, first: str, steps: list[tuple[int, str | None]], org: str = DP, rent: int = 58000, last: int = 13
) -> None:
    """A debt as it is told on the fifth of each month, and nothing owed after that; `last` 13 is January 2027."""
    month = int(first[5:])
    for n in range(month, last + 1):
        cents, oldest = steps[n - month] if n - month < len(steps) else (0, None)
        on = f"2026-{n:02d}-05" if n < 13 else "2027-01-05"
        case.balance(on, cents, oldest, [40, 40, 35, 4] if cents else [0, 0, 0, 0], rent, org)


def s02(feed: Feed) -> None:
    """Signalled after the four efforts; then the tenant objects, and nothing may be signalled any more."""
    case = Case(feed, "s02", {DP: "D-S02", GI: "G-S02", CO: "K-S02"})
    case.send(
        DP, "enrolment.opened", "02-09", enrolment_id=f"{DP}:E-S02", programme="early_signalling",
        route="zittende_huurder", municipality="GM9900", district=NORTH,
    )  # fmt: skip
    case.notice("02-09", DP)
    _old_lease(case, DP, "02-09", "2015-09-01", NORTH, 58000)
    for on, effort in (
        ("02-11", "written_reminder"), ("02-16", "personal_contact"), ("02-16", "pointed_to_debt_help"),
        ("02-23", "offer_to_pass_on"),
    ):  # fmt: skip
        case.effort(on, effort, DP)
    case.balance("02-09", 70000, "2025-12-01", [12, 15, 40, 8], 58000, DP)
    case.send(
        DP, "arrears.signalled", "02-25", signal_id=f"{DP}:VS-S02", lease_id="L-S02", amount_cents=70000, to_org=GI
    )
    case.send(DP, "objection.recorded", "03-02", objection_id=f"{DP}:O-S02", purpose="early_signalling")
    _pays_off(case, "2026-03", [(70000, "01-01"), (60000, "01-01"), (60000, "02-01"), (20000, "04-01"), (0, None)])


def s03(feed: Feed) -> None:
    """Enrolled by the corporation and by the municipality, not knowing of each other: the link makes them one."""
    case = tenant(feed, "s03", DP, "02-23", EAST, "2020-02-01")
    case.enrol("02-25", "wooncoach", "zittende_huurder", EAST, "2026-zh1", org=GI)
    case.lead("02-25", "CL-9", "CL-4")
    _pays_off(case, "2026-03", [(40000, "02-01"), (30000, "03-01"), (0, None)])
    guided(case, DP, "03-02", "W-40", "12-15", lead=False)
    case.link(GI, "03-09", by=DP)


def s04(feed: Feed) -> None:
    """Not a month behind, three months long; then paid."""
    case = tenant(feed, "s04", DP, "02-23", EAST, "2018-11-01")
    case.open_to_helpers("02-24", org=DP)
    _pays_off(case, "2026-03", [(35000, "02-01"), (45000, "02-01"), (40000, "03-01"), (10000, "05-01"), (0, None)])
    guided(case, DP, "03-02", "W-40", "12-15")


def s05(feed: Feed) -> None:
    """A summons; the coach and the case lead know it at once. Then a payment plan that is kept."""
    case = tenant(feed, "s05", DP, "03-02", WEST, "2012-03-01")
    case.open_to_helpers("03-03", org=DP)
    case.grant("03-03", "wijkteam", "coordination", WIJKTEAM, org=DP)
    guided(case, DP, "03-09", "W-40", "12-22")
    _pays_off(case, "2026-03", [(60000, "01-01"), (80000, "01-01"), (130000, "01-01"), (110000, "02-01"),
                                (80000, "03-01"), (45000, "05-01"), (20000, "06-01"), (0, None)])  # fmt: skip
    case.send(DP, "collection.step_taken", "05-11", lease_id="L-S05", step="summons")
    case.send(
        DP, "payment_plan.agreed", "05-26",
        payment_plan_id="BR-S05", lease_id="L-S05", term_cents=20000, terms=6, first_due_on="2026-06-01",
    )  # fmt: skip
    case.send(DP, "collection.step_taken", "06-02", lease_id="L-S05", step="withdrawn")
    case.send(DP, "payment_plan.completed", "11-30", payment_plan_id="BR-S05", lease_id="L-S05")


def s06(feed: Feed) -> None:
    """A payment plan is broken, and for more than a week there is no new one."""
    case = tenant(feed, "s06", DP, "03-02", WEST, "2021-06-01")
    case.open_to_helpers("03-03", org=DP)
    guided(case, DP, "03-09", "W-40", "12-22")
    _pays_off(case, "2026-03", [(70000, "01-01"), (70000, "02-01"), (65000, "02-01"), (65000, "03-01"),
                                (60000, "04-01"), (40000, "06-01"), (10000, "07-01"), (0, None)])  # fmt: skip
    case.send(
        DP, "payment_plan.agreed", "03-10",
        payment_plan_id="BR-S06-1", lease_id="L-S06", term_cents=10000, terms=7, first_due_on="2026-04-01",
    )  # fmt: skip
    case.send(DP, "payment_plan.broken", "06-02", payment_plan_id="BR-S06-1", lease_id="L-S06")
    case.send(
        DP, "payment_plan.agreed", "06-23",
        payment_plan_id="BR-S06-2", lease_id="L-S06", term_cents=15000, terms=4, first_due_on="2026-07-01",
    )  # fmt: skip
    case.send(DP, "payment_plan.completed", "10-30", payment_plan_id="BR-S06-2", lease_id="L-S06")


def s07(feed: Feed) -> None:
    """Always pays on the fifth, always owes a month when the books are closed: arrears on paper only."""
    case = tenant(feed, "s07", DP, "03-02", NORTH, "2009-01-01")
    case.open_to_helpers("03-03", org=DP)
    guided(case, DP, "03-09", "W-41", "12-22")
    for month in range(3, 13):
        case.balance(f"2026-{month:02d}-02", 58000, f"2026-{month:02d}-01", [5, 5, 5, 1], 58000, DP)
    case.balance("2027-01-04", 58000, "2027-01-01", [5, 5, 5, 3], 58000, DP)


def s08(feed: Feed) -> None:
    """For three months the corporation forgets to send the balance: what is known is too old to judge by."""
    case = tenant(feed, "s08", DP, "03-02", CENTRE, "2016-08-01")
    case.open_to_helpers("03-03", org=DP)
    guided(case, DP, "03-09", "W-41", "12-22")
    case.balance("03-05", 50000, "02-01", [12, 20, 32, 4], 58000, DP)
    case.balance("04-03", 50000, "02-01", [20, 32, 33, 2], 58000, DP)
    _pays_off(case, "2026-07", [(8000, "06-01"), (0, None)])


def s09(feed: Feed) -> None:
    """A balance typed wrong, ten times too high; corrected after two days."""
    case = tenant(feed, "s09", DP, "03-02", SOUTH, "2019-10-01")
    case.open_to_helpers("03-03", org=DP)
    guided(case, DP, "03-09", "W-41", "12-22")
    case.balance("03-05", 20000, "02-01", [3, 5, 32, 4], 58000, DP)
    case.balance("04-03", 18000, "03-01", [5, 4, 33, 2], 58000, DP)
    typed = case.balance("05-05", 180000, "03-01", [5, 4, 40, 4], 58000, DP)
    case.correct(
        DP, "05-07", typed, "wrong_value", occurred_on="2026-05-05", lease_id="L-S09",
        outstanding_cents=18000, rent_cents=58000, oldest_unpaid_on="2026-03-01", paid_late_days=[5, 4, 40, 4],
    )  # fmt: skip
    _pays_off(case, "2026-06", [(9000, "03-01"), (0, None)])


def s10(feed: Feed) -> None:
    """Somebody who has to be hidden for a while: the municipality sets a flag, and takes it away again."""
    case = tenant(feed, "s10", OW, "03-02", SOUTH, "2014-04-01")
    case.link(WZ, "03-04", by=OW)
    guided(case, OW, "03-09", "W-41", "12-22")
    _pays_off(case, "2026-03", [(0, None)], OW)
    case.send(GI, "safety.flag_set", "06-01")
    case.send(GI, "safety.flag_cleared", "09-01")


def report(case: Case, on: str, reporter: str, category: str = "noise", seriousness: int = 1, org: str = OW) -> str:
    number = f"N-{case.key.upper()}-{iso(on)[5:]}"
    case.send(
        org, "nuisance.reported", on,
        report_id=number, lease_id=case.own("L"), reporter_hash=reporter, category=category, seriousness=seriousness,
    )  # fmt: skip
    return number


def noisy(
    feed: Feed, key: str, on: str, district: str, worker: str, last: str = "12-15", org: str = OW,
    missed: dict[str, str] | None = None, interval: int = 28, mode: str = "active", rent_until: int = 13,
) -> Case:  # fmt: skip
    case = tenant(feed, key, org, on, district, "2013-07-01")
    guided(case, org, after(on, 7).isoformat(), worker, last, interval, missed=missed, mode=mode)
    _pays_off(case, "2026-04", [(0, None)], org, last=rent_until)
    return case


def s11(feed: Feed) -> None:
    """Three reports; the tenant allowed the coach to know of those since May."""
    case = noisy(feed, "s11", "03-09", NORTH, "W-41")
    case.grant("04-28", "coach", "guidance", ["nuisance"], org=OW, data_from="2026-05-01")
    first = report(case, "03-20", "r-11a")
    report(case, "04-17", "r-11b", "visitors")
    last = report(case, "05-08", "r-11a", "visitors")
    case.send(OW, "nuisance.resolved", "04-24", report_id=first)
    case.send(OW, "mediation.agreed", "05-15", report_id=last)
    case.send(OW, "nuisance.resolved", "06-12", report_id=last)


def s12(feed: Feed) -> None:
    """Reports first, then nobody opens the door for eleven weeks: the wijkteam hears it when it becomes serious."""
    case = noisy(
        feed, "s12", "03-09", CENTRE, "W-41", "07-14", interval=14,
        missed=dict.fromkeys(("05-05", "05-19", "06-02", "06-16", "06-30"), "resident"),
    )  # fmt: skip
    case.open_to_helpers("03-10", org=OW)
    case.grant("03-10", "wijkteam", "coordination", WIJKTEAM, org=OW)
    report(case, "03-10", "r-12a")
    for on, channel in (("05-07", "phone"), ("05-20", "door"), ("06-04", "phone"), ("06-18", "door")):
        case.tried(on, channel)
    case.tried("07-06", "door", reached=True)
    case.send(
        CO, "coach.changed", "07-14",
        assignment_id="AS-S12-1", role="wooncoach", worker="W-41", interval_days=28, mode="active",
    )  # fmt: skip
    case.visits("07-28", "12-15", 28, "W-41", planned_on="07-14")


def s13(feed: Feed) -> None:
    """Stops after two months: this is not for me."""
    case = noisy(feed, "s13", "03-09", NORTH, "W-40", "05-11", rent_until=5)
    report(case, "03-10", "r-13a", "garden")
    case.send(CO, "coach.ended", "05-18", assignment_id="AS-S13-1", reason="stopped_by_resident")
    case.send(CO, "referral.closed", "05-18", referral_id=f"{OW}:R-S13-1", result="stopped_by_resident")
    case.close("05-19", "stopped_by_resident", org=OW, goals_met={"resident": False}, tenancy_kept=True)


def s14(feed: Feed) -> None:
    """Moves in with family in another town; the lease ends."""
    case = noisy(feed, "s14", "03-09", EAST, "W-40", "08-10", rent_until=8)
    report(case, "03-10", "r-14a", "conflict", 2)
    case.send(OW, "lease.ended", "08-24", "08-31", lease_id="L-S14", reason="by_tenant")
    case.send(CO, "coach.ended", "08-31", assignment_id="AS-S14-1", reason="moved")
    case.send(CO, "referral.closed", "08-31", referral_id=f"{OW}:R-S14-1", result="moved")
    case.close("08-31", "moved", org=OW, tenancy_kept=False)


def s15(feed: Feed) -> None:
    """A letter, an agreement on behaviour, and quiet since; completed in December."""
    case = noisy(feed, "s15", "03-16", EAST, "W-40", "11-23", rent_until=11)
    for on, reporter in (("03-17", "r-15a"), ("03-31", "r-15b"), ("04-14", "r-15c")):
        report(case, on, reporter)
    case.send(OW, "nuisance.notice_sent", "04-20", lease_id="L-S15", step="warning_letter")
    case.send(OW, "nuisance.notice_sent", "05-18", lease_id="L-S15", step="behaviour_agreement")
    case.send(CO, "coach.ended", "12-01", assignment_id="AS-S15-1", reason="completed")
    case.send(CO, "referral.closed", "12-01", referral_id=f"{OW}:R-S15-1", result="goal_reached")
    case.close("12-02", org=OW, goals_met={"resident": True, "coach": True, "corporatie": True}, tenancy_kept=True)


def s16(feed: Feed) -> None:
    """Three weeks away by agreement: two missed visits in them mean nothing."""
    case = noisy(
        feed, "s16", "03-16", WEST, "W-40", "11-30", interval=14, missed={"07-07": "resident", "07-21": "resident"}
    )
    case.open_to_helpers("03-17", org=OW)
    report(case, "03-17", "r-16a")
    case.send(CO, "pause.agreed", "07-01", until="2026-07-21")


def s17(feed: Feed) -> None:
    """The coach stays in the background: few visits, and no rule that counts them."""
    case = noisy(feed, "s17", "03-16", WEST, "W-40", "11-02", interval=84, mode="background")
    report(case, "03-17", "r-17a", "waste")
    case.send(OW, "fire_safety.visit_held", "04-21", follow_up_due_on="2026-10-21")


def s18(feed: Feed) -> None:
    """Dakpan's own: enrolled from a spreadsheet, with attention asked for in May."""
    case = noisy(feed, "s18", "03-16", CENTRE, "W-40", "11-30", org=DP)
    case.open_to_helpers("03-17", org=DP)
    report(case, "03-18", "r-18a", "smell", org=DP)
    case.send(CO, "attention.flagged", "05-18", until="2026-06-01")


def _wrong(feed: Feed) -> None:
    """Spreadsheets have their own mistakes."""
    cells = ["rent.balance_reported", "dp-raw-1", "05-03-2026 09:00", "D-S04"]
    feed.line(DP, "03-05", ";".join([*cells, *["1"] * 40]))  # a row pasted twice beside itself
    feed.line(DP, "03-05", 'rent.balance_reported;"dp-raw-2;05-03-2026 09:00')  # a quote that is never closed
    feed.send(DP, "rent.balance_reported", "03-05", "D-S04", wrong=True, id_="dp-raw-3", data={
        "lease_id": "L-S04", "outstanding_cents": "350,00", "rent_cents": 58000, "paid_late_days": [0],
    })  # fmt: skip
    feed.send(DP, "arrears.effort_made", "03-05", "D-S04", wrong=True, id_="dp-raw-4",
              data={"lease_id": "L-S04", "effort": "shouted"})  # fmt: skip
    # somebody put the tenant's e-mail address where the pseudonym belongs; the domain is one of those for examples
    feed.send(DP, "notice.given", "03-05", "huurder@voorbeeld.example", wrong=True, id_="dp-raw-5",
              data={"version": "2026-1", "channel": "letter"})  # fmt: skip
    # a corporation may not tell of care
    feed.send(DP, "care.started", "03-05", "D-S04", wrong=True, id_="dp-raw-6",
              data={"care_id": "ZT-1", "category": "02"})  # fmt: skip
    # the whole ledger instead of the tenants who take part: never linked, never enrolled
    for number in range(1, 6):
        feed.send(OW, "rent.balance_reported", "03-06", f"C-90{number}", wrong=True, id_=f"ow-ledger-{number}", data={
            "lease_id": f"L-90{number}", "outstanding_cents": 0, "rent_cents": 60000, "paid_late_days": [0, 0, 0, 0],
        })  # fmt: skip
