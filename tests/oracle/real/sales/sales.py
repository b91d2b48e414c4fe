"""A report on a CSV file of sales: totals by region, the best products, what was refunded."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

import rates

import hozon

MOST = 3


@dataclass(frozen=True)
class Sale:
    region: str
    product: str
    pieces: int
    price: float

    @property
    def amount(self) -> float:
        return self.pieces * self.price


@hozon.persistent_cache
def load(name: str) -> list[Sale]:
    with open(name, newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Sale(row["region"], row["product"].strip().lower(), int(row["pieces"]), float(row["price"]))
        for row in rows
    ]


@hozon.persistent_cache
def totals(sales: list[Sale], currency: str) -> dict[str, float]:
    by_region: dict[str, float] = {}
    for sale in sales:
        amount = rates.converted(sale.amount, currency)
        by_region[sale.region] = by_region.get(sale.region, 0) + amount
    return {region: round(total, 2) for region, total in sorted(by_region.items())}


@hozon.persistent_cache
def best(sales: list[Sale], most: int = MOST) -> list[tuple[str, int]]:
    pieces: dict[str, int] = {}
    for sale in sales:
        if not is_refund(sale):
            pieces[sale.product] = pieces.get(sale.product, 0) + sale.pieces
    return sorted(pieces.items(), key=lambda item: (-item[1], item[0]))[:most]


def is_refund(sale: Sale) -> bool:
    return sale.pieces < 0


@hozon.persistent_cache
def refunds(sales: list[Sale]) -> float:
    limit = json.loads(Path("limits.json").read_text())["refund"]
    lost = sum(-sale.amount for sale in sales if is_refund(sale))
    return min(lost, limit)


def main() -> None:
    sales = load("sales.csv")
    currency = os.environ.get("SALES_CURRENCY", "EUR")
    for region, total in totals(sales, currency).items():
        print(f"{region:10}{total:10.2f} {currency}")
    for product, pieces in best(sales):
        print(product, pieces)
    print("refunded", refunds(sales))
