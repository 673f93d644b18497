"""Rows that look like the Bank Marketing data and are about nobody: for a first run without a network.

The schema and the levels are those of the real file; the marginals and the main dependencies follow its published
aggregates (Moro, Rita, Cortez 2014): a call falls into one of 26 economic periods, which fix month, indicators and
the chance of an earlier success; job, age, marital status and education hang together; and `y` depends on the call's
duration, the period, the earlier outcome, the contact and the age. A model reaches an AUC of about 0.94 on them
(0.95 on the real data), which says nothing about real clients.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlops_config.bank_marketing import COLUMNS

ROWS = 32_950
SEED = 20_140_622
POSITIVE_SHARE = 0.112

Floats = npt.NDArray[np.float64]
Column = npt.NDArray[Any]


class _Period(NamedTuple):
    """A span of the campaign. `weight` is its share of the calls in rows of the real file, the three rates those of
    cellular contacts, earlier successes and earlier failures; `effect` shifts the log odds of `y`."""

    month: str
    emp_var_rate: float
    cons_price_idx: float
    cons_conf_idx: float
    nr_employed: float
    euribor_low: float
    euribor_high: float
    weight: int
    cellular: float
    success: float
    failure: float
    effect: float


# fmt: off
_PERIODS = (
    _Period("may",  1.1, 93.994, -36.4, 5191.0, 4.855, 4.864, 6210, 0.00, 0.000, 0.000, -2.2),
    _Period("jun",  1.4, 94.465, -41.8, 5228.1, 4.864, 4.967, 3474, 0.00, 0.000, 0.000, -1.6),
    _Period("jul",  1.4, 93.918, -42.7, 5228.1, 4.955, 4.968, 5364, 0.86, 0.000, 0.000, -1.3),
    _Period("aug",  1.4, 93.444, -36.1, 5228.1, 4.962, 4.970, 4089, 0.97, 0.000, 0.000, -1.3),
    _Period("oct", -0.1, 93.798, -40.4, 5195.8, 4.760, 5.045,   53, 0.00, 0.000, 0.040,  1.6),
    _Period("nov", -0.1, 93.200, -42.0, 5195.8, 3.853, 4.733, 2907, 0.90, 0.010, 0.190, -1.2),
    _Period("dec", -0.2, 92.756, -45.9, 5176.3, 3.282, 3.816,    8, 0.25, 0.000, 0.120, -2.0),
    _Period("mar", -1.8, 92.843, -50.0, 5099.1, 1.510, 1.811,  212, 0.93, 0.005, 0.075,  1.7),
    _Period("apr", -1.8, 93.075, -47.1, 5099.1, 1.365, 1.498, 1966, 0.93, 0.029, 0.244,  0.0),
    _Period("may", -1.8, 92.893, -46.2, 5099.1, 1.244, 1.354, 4687, 0.92, 0.023, 0.304, -0.9),
    _Period("jun", -2.9, 92.963, -40.8, 5076.2, 1.099, 1.286,  595, 0.91, 0.089, 0.173,  1.2),
    _Period("jul", -2.9, 92.469, -33.6, 5076.2, 0.899, 1.085,  140, 0.86, 0.064, 0.172,  1.1),
    _Period("aug", -2.9, 92.201, -31.4, 5076.2, 0.821, 0.884,  613, 0.90, 0.179, 0.247,  1.0),
    _Period("sep", -3.4, 92.379, -29.8, 5017.5, 0.739, 0.819,  214, 0.89, 0.210, 0.220,  1.1),
    _Period("oct", -3.4, 92.431, -26.9, 5017.5, 0.720, 0.754,  354, 0.88, 0.150, 0.237,  1.0),
    _Period("nov", -3.4, 92.649, -30.1, 5017.5, 0.714, 0.722,  286, 0.86, 0.259, 0.269,  1.2),
    _Period("dec", -3.0, 92.713, -33.0, 5023.5, 0.700, 0.721,  136, 0.85, 0.287, 0.242,  1.0),
    _Period("mar", -1.8, 93.369, -34.8, 5008.7, 0.634, 0.655,  209, 0.84, 0.306, 0.311,  1.6),
    _Period("apr", -1.8, 93.749, -34.6, 5008.7, 0.635, 0.662,  142, 0.87, 0.268, 0.253,  1.3),
    _Period("may", -1.8, 93.876, -40.0, 5008.7, 0.668, 0.701,  176, 0.82, 0.358, 0.278,  1.1),
    _Period("jun", -1.7, 94.055, -39.8, 4991.6, 0.702, 0.767,  182, 0.73, 0.341, 0.225,  1.0),
    _Period("jul", -1.7, 94.215, -40.3, 4991.6, 0.782, 0.899,  249, 0.80, 0.321, 0.273,  1.4),
    _Period("aug", -1.7, 94.027, -38.3, 4991.6, 0.886, 0.905,  180, 0.75, 0.294, 0.295,  1.1),
    _Period("sep", -1.1, 94.199, -37.5, 4963.6, 0.876, 0.886,  239, 0.81, 0.322, 0.260,  1.0),
    _Period("oct", -1.1, 94.601, -49.5, 4963.6, 0.942, 1.045,  162, 0.83, 0.327, 0.309,  0.8),
    _Period("nov", -1.1, 94.767, -50.8, 4963.6, 1.028, 1.050,  103, 0.90, 0.340, 0.301,  0.8),
)
_LATE_RATE = 5090.0  # nr.employed below it: the campaign had turned to the retired and to students

_EDUCATION = ("basic.4y", "basic.6y", "basic.9y", "high.school", "illiterate", "professional.course",
              "university.degree", "unknown")
# job: rows in the early periods, mean age, deviation of age, share of each education, share of `default` unknown
_JOBS = {
    "admin.":        (8339, 38.2,  8.9, (0.007, 0.013, 0.050, 0.322, 0.0003, 0.034, 0.549, 0.025), 0.12),
    "blue-collar":   (7356, 39.5,  8.8, (0.245, 0.155, 0.395, 0.092, 0.0010, 0.050, 0.010, 0.052), 0.34),
    "technician":    (5426, 38.5,  8.7, (0.008, 0.013, 0.058, 0.129, 0.0002, 0.495, 0.267, 0.030), 0.15),
    "services":      (3161, 38.0,  9.0, (0.034, 0.056, 0.100, 0.669, 0.0003, 0.057, 0.047, 0.037), 0.24),
    "management":    (2343, 42.4,  9.3, (0.036, 0.030, 0.057, 0.100, 0.0003, 0.030, 0.706, 0.041), 0.15),
    "retired":       ( 970, 62.0, 10.5, (0.349, 0.048, 0.085, 0.153, 0.0020, 0.141, 0.167, 0.055), 0.22),
    "entrepreneur":  (1193, 41.6,  8.9, (0.097, 0.055, 0.143, 0.153, 0.0020, 0.091, 0.424, 0.035), 0.21),
    "self-employed": (1140, 40.0,  9.5, (0.073, 0.020, 0.143, 0.084, 0.0020, 0.128, 0.530, 0.020), 0.21),
    "housemaid":     ( 854, 45.5, 10.7, (0.454, 0.076, 0.085, 0.165, 0.0020, 0.048, 0.124, 0.046), 0.30),
    "unemployed":    ( 793, 39.7,  9.2, (0.115, 0.033, 0.185, 0.252, 0.0002, 0.137, 0.259, 0.019), 0.24),
    "student":       ( 480, 25.8,  5.0, (0.031, 0.015, 0.110, 0.412, 0.0002, 0.048, 0.185, 0.199), 0.12),
    "unknown":       ( 275, 45.3, 11.0, (0.175, 0.062, 0.091, 0.095, 0.0020, 0.036, 0.138, 0.401), 0.45),
}
# fmt: on
_LATE_JOBS = {"retired": 4.5, "student": 4.5, "blue-collar": 0.35, "services": 0.6, "entrepreneur": 0.5}
_DAYS = {"mon": 0.207, "tue": 0.197, "wed": 0.196, "thu": 0.210, "fri": 0.190}
_PREVIOUS = {
    "failure": (0.875, 0.098, 0.020, 0.006, 0.001),
    "success": (0.621, 0.240, 0.093, 0.032, 0.014),
}
_DAYS_SINCE = {3: 0.30, 6: 0.28, 4: 0.08, 2: 0.05, 7: 0.05, 9: 0.05, 12: 0.05, 5: 0.04, 10: 0.04, 13: 0.03, 1: 0.03}
_NOT_CONTACTED = 999


def generate_bank_marketing(path: Path, *, rows: int = ROWS, seed: int = SEED) -> None:
    """Write `rows` generated rows with a header to `path`; the same `rows` and `seed` give the same bytes.

    (With one release of NumPy: another may draw otherwise.)
    """
    columns = _generate(np.random.default_rng(seed), rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(zip(*(columns[name].tolist() for name in COLUMNS), strict=True))


def _generate(generator: np.random.Generator, rows: int) -> dict[str, Column]:
    weights = np.array([period.weight for period in _PERIODS], dtype=np.float64)
    period = generator.choice(len(_PERIODS), rows, p=weights / weights.sum())
    columns = {
        **_economy(generator, period),
        **_client(generator, period),
        **_campaign(generator, period),
        "duration": np.clip(np.exp(generator.normal(5.2, 0.9, rows)), 0, 4_918).round().astype(np.int64),
        "day_of_week": generator.choice(list(_DAYS), rows, p=list(_DAYS.values())),
    }
    columns["y"] = _outcome(generator, period, columns)
    return columns


def _per_period(name: str, period: Column) -> Column:
    values: Column = np.array([getattr(each, name) for each in _PERIODS])[period]
    return values


def _economy(generator: np.random.Generator, period: Column) -> dict[str, Column]:
    rate = generator.uniform(_per_period("euribor_low", period), _per_period("euribor_high", period))
    return {
        "month": _per_period("month", period),
        "emp.var.rate": _per_period("emp_var_rate", period),
        "cons.price.idx": _per_period("cons_price_idx", period),
        "cons.conf.idx": _per_period("cons_conf_idx", period),
        "nr.employed": _per_period("nr_employed", period),
        "euribor3m": rate.round(3),
    }


def _client(generator: np.random.Generator, period: Column) -> dict[str, Column]:
    rows = len(period)
    names = np.array(list(_JOBS))
    usual = np.array([_JOBS[name][0] for name in names], dtype=np.float64)
    late = usual * np.array([_LATE_JOBS.get(name, 1.0) for name in names])
    is_late = _per_period("nr_employed", period) < _LATE_RATE
    job = np.where(is_late, _choose(generator, late, rows), _choose(generator, usual, rows))
    mean, deviation, unsure = (np.array([_JOBS[name][place] for name in names])[job] for place in (1, 2, 4))
    # Ages lean to the young: a gamma distribution, 17 the youngest client.
    shape = ((mean - 17) / deviation) ** 2
    age = np.clip(17 + generator.gamma(shape, (mean - 17) / shape), 17, 98).round().astype(np.int64)
    education = np.array([_JOBS[name][3] for name in names])
    answered = generator.random(rows) >= 0.0237
    return {
        "age": age,
        "job": names[job],
        "marital": _marital(generator, age),
        "education": np.array(_EDUCATION)[_choose_each(generator, education[job])],
        "default": _default(generator, unsure * np.clip(0.4 + (age - 20) / 30, 0.4, 1.6)),
        "housing": np.where(answered, np.where(generator.random(rows) < 0.536, "yes", "no"), "unknown"),
        "loan": np.where(answered, np.where(generator.random(rows) < 0.155, "yes", "no"), "unknown"),
    }


def _marital(generator: np.random.Generator, age: Column) -> Column:
    single = 1 / (1 + np.exp((age - 32.0) / 5.0))
    divorced = np.clip((age - 22) / 150, 0.005, 0.2) * (1 - single)
    shares = np.stack([single, divorced, 1 - single - divorced, np.full(len(age), 0.002)], axis=1)
    return np.array(["single", "divorced", "married", "unknown"])[_choose_each(generator, shares)]


def _default(generator: np.random.Generator, unsure: Floats) -> Column:
    draw = generator.random(len(unsure))
    return np.where(draw < 0.0001, "yes", np.where(draw < 0.0001 + np.clip(unsure, 0, 0.6), "unknown", "no"))


def _campaign(generator: np.random.Generator, period: Column) -> dict[str, Column]:
    rows = len(period)
    success, failure = _per_period("success", period), _per_period("failure", period)
    draw = generator.random(rows)
    poutcome = np.where(draw < success, "success", np.where(draw < success + failure, "failure", "nonexistent"))
    previous = np.zeros(rows, dtype=np.int64)
    for outcome, shares in _PREVIOUS.items():
        previous = np.where(poutcome == outcome, 1 + _choose(generator, np.array(shares), rows), previous)
    recently = generator.random(rows) < np.select([poutcome == "success", poutcome == "failure"], [0.97, 0.034], 0)
    since = generator.choice(list(_DAYS_SINCE), rows, p=list(_DAYS_SINCE.values()))
    early = _per_period("emp_var_rate", period) > 0
    calls = generator.geometric(np.where(early, 0.38, 0.52)) + (generator.random(rows) < 0.01) * generator.geometric(
        0.1, rows
    )
    return {
        "contact": np.where(generator.random(rows) < _per_period("cellular", period), "cellular", "telephone"),
        "campaign": np.clip(calls, 1, 56),
        "pdays": np.where(recently, since, _NOT_CONTACTED),
        "previous": previous,
        "poutcome": poutcome,
    }


def _outcome(generator: np.random.Generator, period: Column, columns: dict[str, Column]) -> Column:
    """`yes` with the log odds below, shifted so that the expected share is that of the real file."""
    minutes = columns["duration"] / 60
    odds = (
        2.5 * np.log(np.maximum(minutes, 0.05) / 3)
        - 3.0 * (minutes < 1)
        + 1.5 * _per_period("effect", period)
        + np.select([columns["poutcome"] == "success", columns["poutcome"] == "failure"], [2.0, -0.4], 0.0)
        - 0.5 * (columns["contact"] == "telephone")
        + 0.6 * ((columns["age"] > 60) | (columns["age"] < 25))
        - 0.3 * (columns["default"] == "unknown")
        - 0.25 * (columns["job"] == "blue-collar")
        + 0.1 * (columns["education"] == "university.degree")
        - 0.15 * (columns["day_of_week"] == "mon")
        - 0.03 * columns["campaign"]
    )
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.mean(1 / (1 + np.exp(-(odds + middle))))) < POSITIVE_SHARE:
            low = middle
        else:
            high = middle
    return np.where(generator.random(len(odds)) < 1 / (1 + np.exp(-(odds + low))), "yes", "no")


def _choose(generator: np.random.Generator, weights: Floats, count: int) -> Column:
    return generator.choice(len(weights), count, p=weights / weights.sum())


def _choose_each(generator: np.random.Generator, shares: Floats) -> Column:
    """One place per row of `shares`, drawn with that row's shares."""
    bounds = np.cumsum(shares, axis=1)
    draw = generator.random(len(shares)) * bounds[:, -1]
    places: Column = (draw[:, None] >= bounds).sum(axis=1)
    return places
