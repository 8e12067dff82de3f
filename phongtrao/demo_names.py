"""Made-up people for the demonstration: names that sound right in Quảng Ngãi, numbers that no telephone has, villages.

Every function is pure: the same `random.Random` state gives the same answer. No name comes from a list of real people.
The weights follow a rough feeling of how common a name is; they are no statistics.
"""

import random
from collections.abc import Collection, Mapping

SURNAMES: Mapping[str, int] = {
    "Nguyễn": 32, "Trần": 11, "Lê": 10, "Phạm": 10, "Võ": 7, "Huỳnh": 6, "Bùi": 4, "Đỗ": 4, "Đặng": 4, "Phan": 3,
    "Trương": 3, "Ngô": 3, "Hồ": 2, "Đoàn": 2, "Dương": 2, "Đinh": 2, "Tạ": 1, "Lâm": 1, "Cao": 1, "Mai": 1,
    "Lý": 1, "Châu": 1, "Tống": 1, "Kiều": 1, "Từ": 1, "Thái": 1, "Lương": 1, "Hà": 1, "Trịnh": 1, "Tô": 1,
}  # fmt: skip
MOUNTAIN_SURNAMES: Mapping[str, int] = {
    "Đinh": 38, "Phạm": 26, "Hồ": 22, "Nguyễn": 6, "Trần": 2, "Lê": 2, "Võ": 1, "Huỳnh": 1,
}  # fmt: skip
"""Usual among the Hrê (Đinh, Phạm), the Cor (Hồ) and the Ca Dong (Đinh), who live in the mountain districts."""

MEN_MIDDLE: Mapping[str, int] = {
    "Văn": 22, "Minh": 8, "Thanh": 7, "Quốc": 6, "Tấn": 6, "Ngọc": 6, "Hữu": 5, "Đức": 5, "Xuân": 4, "Công": 4,
    "Quang": 4, "Đình": 3, "Duy": 3, "Trung": 3, "Anh": 3, "Hoàng": 3, "Gia": 2, "Thế": 2, "Viết": 2,
}  # fmt: skip
MEN_GIVEN: Mapping[str, int] = {
    "Hùng": 7, "Tuấn": 7, "Dũng": 6, "Hải": 6, "Sơn": 6, "Nam": 5, "Long": 5, "Thành": 5, "Tùng": 4, "Cường": 4,
    "Hiếu": 4, "Huy": 4, "Khánh": 4, "Lâm": 3, "Phúc": 4, "Phong": 4, "Quân": 3, "Tâm": 3, "Thắng": 4, "Thịnh": 3,
    "Tiến": 4, "Toàn": 3, "Trí": 3, "Vinh": 4, "Vũ": 4, "Bình": 4, "Đạt": 4, "Hậu": 3, "Khoa": 3, "Lộc": 3,
    "Nghĩa": 3, "Nhân": 3, "Phương": 2, "Quý": 3, "Tín": 3, "Trường": 3, "Việt": 3,
}  # fmt: skip
WOMEN_MIDDLE: Mapping[str, int] = {
    "Thị": 26, "Thị Thu": 6, "Thị Kim": 6, "Thị Ngọc": 5, "Thị Thanh": 5, "Thị Mỹ": 5, "Thị Bích": 4, "Thị Minh": 3,
    "Thị Hồng": 4, "Thị Tuyết": 3, "Ngọc": 4, "Thanh": 4, "Thu": 3, "Mỹ": 3, "Kim": 3, "Như": 3, "Bảo": 2,
    "Khánh": 2, "Quỳnh": 2,
}  # fmt: skip
WOMEN_GIVEN: Mapping[str, int] = {
    "Hương": 6, "Lan": 6, "Hoa": 5, "Hồng": 5, "Hạnh": 6, "Thảo": 5, "Trang": 5, "Linh": 5, "Ngân": 4, "Nga": 4,
    "Oanh": 4, "Phượng": 4, "Phương": 5, "Thúy": 5, "Thủy": 5, "Tuyền": 3, "Vân": 5, "Yến": 5, "Vy": 4, "Trinh": 4,
    "Trâm": 4, "Thương": 4, "Nhung": 4, "Nguyệt": 3, "My": 3, "Mai": 5, "Loan": 4, "Liên": 4, "Liễu": 3, "Kiều": 3,
    "Huệ": 4, "Hiền": 5, "Hằng": 4, "Hà": 4, "Dung": 4, "Diễm": 3, "Chi": 3, "Anh": 4,
}  # fmt: skip
MOUNTAIN_DISTRICTS = frozenset({"525", "529", "530", "531", "535"})
"""Trà Bồng, Sơn Hà, Sơn Tây, Minh Long, Ba Tơ, by unit id."""

FICTIONAL_PREFIX = "010"
FICTIONAL_NUMBERS = 10_000_000

_BLOCKS = frozenset({"ward", "township"})


def person_name(rng: random.Random, *, mountain: bool = False) -> str:
    """A full name in the Vietnamese order (family, middle, given), a man's or a woman's; no word occurs in it twice."""
    middles, givens = rng.choice([(MEN_MIDDLE, MEN_GIVEN), (WOMEN_MIDDLE, WOMEN_GIVEN)])
    words = [_pick(rng, MOUNTAIN_SURNAMES if mountain else SURNAMES)]
    words += _pick(rng, middles, avoid=words).split()
    return " ".join([*words, _pick(rng, givens, avoid=words)])


def phone(rng: random.Random) -> str:
    """A fictional number. Two calls may give the same one; where numbers must differ, count with `phone_number`."""
    return phone_number(rng.randrange(FICTIONAL_NUMBERS))


def phone_number(serial: int) -> str:
    """The fictional number with this serial, 0 to 9,999,999: ten digits, different for each serial.

    It reaches nobody: no landline (02) and no mobile (03, 05, 07, 08, 09) begins with 010.
    """
    if not 0 <= serial < FICTIONAL_NUMBERS:
        raise ValueError(f"serial must be from 0 to {FICTIONAL_NUMBERS - 1}, not {serial}")
    return f"{FICTIONAL_PREFIX}{serial:07d}"


def village_names(kind: str, count: int) -> list[str]:
    """The villages of a commune: "Tổ dân phố 1", … if its `kind` is `ward` or `township`, else "Thôn 1", …"""
    word = "Tổ dân phố" if kind in _BLOCKS else "Thôn"
    return [f"{word} {number}" for number in range(1, count + 1)]


def village_name(rng: random.Random, kind: str, among: int = 8) -> str:
    """One of the first `among` villages of a commune of this kind."""
    return rng.choice(village_names(kind, among))


def _pick(rng: random.Random, weights: Mapping[str, int], avoid: Collection[str] = ()) -> str:
    """One of the parts by weight, but none that repeats a word of `avoid`."""
    fitting = {part: weight for part, weight in weights.items() if not set(part.split()) & set(avoid)}
    return rng.choices(list(fitting), list(fitting.values()))[0]
