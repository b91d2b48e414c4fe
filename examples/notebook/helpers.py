"""What the cells of `analysis.py` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOUR = "steelblue"

# Kilometres for a degree of latitude, and for one of longitude at 52 degrees north.
DEGREE = (111.2, 68.5)


def tidy(name: str) -> str:
    """The name of a column as Python could spell it."""
    return name.strip().lower().replace(" ", "_")


def kilometres(table: pd.DataFrame, latitude: float, longitude: float) -> pd.Series:
    """How far the stations are from a place, as the crow flies."""
    north = (table["latitude"] - latitude) * DEGREE[0]
    east = (table["longitude"] - longitude) * DEGREE[1]
    return np.sqrt(north**2 + east**2).round(2)


def calendar(days: int) -> pd.DataFrame:
    """The days that are looked at, in sixths."""
    hours = pd.date_range("2024-01-01", periods=days * 6, freq="4h")
    return pd.DataFrame({"time": hours, "hour": hours.hour, "weekday": hours.weekday, "day": hours.dayofyear})


def weather(times: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A year's warmth and rain, made up."""
    numbers = np.random.default_rng(seed)
    season = -np.cos(2 * np.pi * (times["day"] - 20) / 365)
    warmth = 11 + 9 * season + 3 * np.sin(2 * np.pi * (times["hour"] - 9) / 24)
    rain = numbers.gamma(0.3, 2.0, len(times)) * (numbers.random(len(times)) < 0.35)
    noise = np.convolve(numbers.normal(0, 2, len(times) + 11), np.ones(12) / 4, "valid")
    return times.assign(warmth=(warmth + noise).round(1), rain=rain.round(1))


def demand(hour: pd.Series, weekday: pd.Series) -> pd.Series:
    """How many want to ride at an hour, against the mean."""
    working = np.exp(-((hour - 8) ** 2) / 6) + np.exp(-((hour - 16) ** 2) / 10)
    leisure = 0.9 * np.exp(-((hour - 14) ** 2) / 30)
    return np.where(weekday < 5, 0.2 + 1.6 * working, 0.2 + 1.4 * leisure)


def rentals(stations: pd.DataFrame, times: pd.DataFrame, seed: int) -> pd.DataFrame:
    """How many bicycles are taken at each station, made up."""
    numbers = np.random.default_rng(seed + 1)
    table = times.merge(stations[["station", "district", "docks", "height", "distance"]], how="cross")
    comfort = np.clip(1.2 - ((table["warmth"] - 21) / 24) ** 2, 0.05, None) * np.exp(-table["rain"] / 4)
    place = table["docks"] * np.exp(-table["distance"] / 6) * (1 - table["height"] / 400)
    mean = demand(table["hour"], table["weekday"]) * comfort * place
    return table.assign(taken=numbers.poisson(mean.clip(lower=0)))


def with_features(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers that models can use."""
    turn = 2 * np.pi / 24
    return table.assign(
        morning=np.sin(turn * table["hour"]),
        noon=np.cos(turn * table["hour"]),
        weekend=(table["weekday"] >= 5).astype(int),
        wet=(table["rain"] > 0.5).astype(int),
    )


def error_of(truth: pd.Series, guess: np.ndarray) -> float:
    """By how many bicycles a guess is off, as the root of the mean square."""
    return float(np.sqrt(np.mean((np.asarray(truth) - np.asarray(guess)) ** 2)))


def bars(values: pd.Series, label: str) -> Figure:
    """A bar for each value."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 0.4 + 0.35 * len(values)), layout="constrained")
    axes.barh([str(name) for name in values.index], values.to_numpy(), color=COLOUR)
    axes.set_xlabel(label)
    return figure


def rounds(queue: list[int], docks: list[int], trips: int, seed: int) -> list[int]:
    """How many bicycles are at each station after some trips, one by one. A full station sends one on."""
    state = seed
    there = list(queue)
    for _ in range(trips):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        start, goal = state // 7 % len(there), state // 4_099 % len(there)
        if there[start] > 0:
            there[start] -= 1
            while there[goal] >= docks[goal]:
                goal = (goal + 1) % len(there)
            there[goal] += 1
    return there


def celsius_to_fahrenheit(warmth: float) -> float:
    """Nobody asks for it."""
    return warmth * 9 / 5 + 32
