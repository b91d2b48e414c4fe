"""A store room over some days: orders, deliveries, and a ledger that all of it is written into."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable

import surcharges

import hozon

ledger: list[str] = []
DAYS = 6


class Goods(ABC):
    shelf_life = 3

    def __init__(self, name: str, pieces: int) -> None:
        self.name = name
        self.pieces = pieces

    @abstractmethod
    def price(self, day: int) -> float: ...

    def take(self, wanted: int) -> int:
        taken = min(wanted, self.pieces)
        self.pieces -= taken
        return taken


class Fresh(Goods):
    def price(self, day: int) -> float:
        return 4.0 - day * 0.5 if day < self.shelf_life else 0.0


class Tinned(Goods):
    shelf_life = 100

    def price(self, day: int) -> float:
        return 2.5


@hozon.persistent_cache
def sold(goods: Goods, day: int, wanted: int) -> float:
    taken = goods.take(wanted)
    ledger.append(f"day {day}: {taken} {goods.name}")
    return taken * goods.price(day)


@hozon.persistent_cache
def demand(day: int) -> int:
    return random.randint(1, 4) + surcharges.SURCHARGES["weekend"](day)


@hozon.persistent_cache
def audited(lines: list[str], check: Callable[[str], bool] = surcharges.is_plain) -> list[str]:
    return [line for line in lines if not check(line)]


def main() -> None:
    random.seed(3)
    goods: list[Goods] = [Fresh("milk", 9), Tinned("beans", 12)]
    income = 0.0
    for day in range(DAYS):
        for one in goods:
            income += sold(one, day, demand(day))
    print("income", income, [(one.name, one.pieces) for one in goods])
    print(len(ledger), ledger[-1], audited(ledger))
    print("next", random.random())
