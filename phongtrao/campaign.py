"""The campaign of the province's plan of July 2023, and what opens it: who is asked to do what until when."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import services

CAMPAIGN_ID = "phat-dong-2023"
EDITION = "2023"
PLAN = "2023"
TOPICS = (
    (
        "online-services",
        "Dịch vụ công trực tuyến trên hệ thống của tỉnh",
        "Online public services on the provincial system",
    ),
    (
        "online-payment",
        "Thanh toán trực tuyến khi làm thủ tục hành chính",
        "Online payment in administrative procedures",
    ),
    ("cashless", "Ứng dụng thanh toán không dùng tiền mặt", "Cashless payment apps"),
    ("platforms", "Cài đặt, sử dụng nền tảng số, thực hành kỹ năng số", "Installing and using digital platforms"),
    ("safe-networks", "Mạng xã hội văn minh, an toàn; nhận diện tin xấu, độc", "Safe use of social networks"),
)
TOPIC_WEIGHTS = (34, 17, 22, 17, 10)


def launch_body(district_ids: Sequence[str], day_one_rule: str = "ceremony_day") -> dict[str, Any]:
    """What `POST /outreach/campaigns` takes: 7 citizens in 7 days, the districts report by 15/8/2023."""
    return {
        "campaign_id": CAMPAIGN_ID,
        "name": "Phong trào chuyển đổi số tỉnh Quảng Ngãi năm 2023",
        "launched_on": "2023-07-28",
        "window_days": 7,
        "day_one_rule": day_one_rule,
        "quota": 7,
        "topics": [{"code": code, "name_vi": vi, "name_en": en} for code, vi, en in TOPICS],
        "report_due_on": "2023-08-15",
        "reporting_unit_ids": sorted(district_ids),
    }


def organisations() -> list[str]:
    """Ids of the organisations that the plan names or implies, without the groups that they stand in."""
    file = Path(services.__file__).parent / "registry" / "data" / "organisations.csv"
    with file.open(encoding="utf-8", newline="") as rows:
        return [row["organisation_id"] for row in csv.DictReader(rows) if row["sector"] != "group"]
