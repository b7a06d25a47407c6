"""The invented town of IJsselstad: organisations and people who look. The same in every story."""

from __future__ import annotations

from typing import Any

GI, WZ = "gemeente-ijsselstad", "wijkteam-zuid"
OW, DP = "openbaar-wonen", "dakpan-wonen"
CO, ZI = "coach-oost", "zorg-ijssel"
BM, RD = "buurtmaat", "rekenhulp-delta"

TOWN = "GM9900"
NORTH, EAST, WEST, CENTRE, SOUTH = "WK990001", "WK990002", "WK990003", "WK990004", "WK990005"

ORGS: dict[str, dict[str, Any]] = {
    GI: {
        "short": "gi",
        "kind": "gemeente",
        "source": "urn:nld:oin:00000001001234567000:systeem:sociaal-domein",
        "districts": [NORTH, EAST, WEST, CENTRE],
        "phone": "085 000 00 10",
    },
    WZ: {
        "short": "wz",
        "kind": "gemeente",
        "source": "urn:nld:oin:00000001001234567000:systeem:wijkteam-zuid",
        "districts": [SOUTH],
        "phone": "085 000 00 15",
    },
    OW: {"short": "ow", "kind": "corporatie", "source": "urn:nld:kvknr:05012345:systeem:primair"},
    DP: {"short": "dp", "kind": "corporatie", "source": "urn:nld:kvknr:05054321:systeem:huur"},
    CO: {
        "short": "co",
        "kind": "zorgaanbieder",
        "source": "urn:nld:kvknr:41012345:systeem:coaching",
        "phone": "085 000 00 40",
        "heartbeat_hours": 168,
    },
    ZI: {
        "short": "zi",
        "kind": "zorgaanbieder",
        "source": "urn:nld:kvknr:08098765:systeem:ecd",
        "phone": "085 000 00 80",
        "heartbeat_hours": 168,
    },
    BM: {
        "short": "bm",
        "kind": "buddy_organisatie",
        "source": "urn:nld:kvknr:24012345:systeem:buddy",
        "phone": "085 000 00 24",
    },
    RD: {"short": "rd", "kind": "schuldhulp", "source": "urn:nld:kvknr:33012345:systeem:signalen"},
}

# name → organisation, role, worker code, who this is
USERS: dict[str, tuple[str, str, str | None, str]] = {
    "regie-cl4": (GI, "casusregisseur", "CL-4", "casusregisseur van de gemeente"),
    "regie-cl9": (GI, "casusregisseur", "CL-9", "casusregisseur en vervanger"),
    "wijk-noord": (GI, "wijkteam", None, "wijkteam voor Noord, Oost, West en Centrum"),
    "wijk-zuid": (WZ, "wijkteam", None, "wijkteam voor Zuid"),
    "steward-ijsselstad": (GI, "steward", None, "gegevensbeheerder"),
    "huur-ow": (OW, "corporatie", None, "verhuurder bij Openbaar Wonen"),
    "huur-dp": (DP, "corporatie", None, "verhuurder bij Dakpan Wonen"),
    "coach-w17": (CO, "coach", "W-17", "wooncoach"),
    "coach-w22": (CO, "coach", "W-22", "wooncoach"),
    "coach-w31": (CO, "coach", "W-31", "wooncoach die waarneemt"),
    "coach-w40": (CO, "coach", "W-40", "wooncoach voor zittende huurders"),
    "coach-w41": (CO, "coach", "W-41", "wooncoach voor zittende huurders"),
    "loket-co": (CO, "zorgaanbieder", None, "aanmelding bij Coach Oost"),
    "coach-z12": (ZI, "coach", "Z-12", "begeleider bij Zorg IJssel"),
    "zorg-z5": (ZI, "zorgaanbieder", None, "doorstroom bij Zorg IJssel"),
    "buddy-b3": (BM, "coach", "B-3", "buddy, beroepskracht"),
    "vrijwilliger-v3": (BM, "vrijwilliger", "V-3", "vrijwilliger"),
    "vrijwilliger-v5": (BM, "vrijwilliger", "V-5", "vrijwilliger"),
    "ervaring-e1": (BM, "vrijwilliger", "E-1", "ervaringsdeskundige"),
}
