"""What a page must show, worked out from the devices' lives by other hands than the page's own."""

import collections
import datetime
import math

CLASSES = [2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200]
NAMED = 20
BARS = 120


def waits(lives):
    ready = [one for one in lives if one["readyAt"] is not None and one["askedAt"] is not None]
    return sorted(one["readyAt"] - one["askedAt"] for one in ready)


def percentile(values, percent):
    """Nearest rank."""
    return values[max(math.ceil(len(values) * percent / 100), 1) - 1] / 1000 if values else None


def spoken(seconds):
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def counted(words):
    """The most frequent first; among equals the alphabet decides, byte by byte."""
    counts = collections.Counter(words)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0].encode()))


def issued(lives):
    """How many minutes a bar is, and certificates by time."""
    minutes = [one["readyAt"] // 60_000 for one in lives if one["readyAt"] is not None]
    if not minutes:
        return 1, []
    first, last = min(minutes), max(minutes)
    step = math.ceil((last - first + 1) / BARS)
    counts = collections.Counter((minute - first) // step for minute in minutes)
    name = lambda place: datetime.datetime.fromtimestamp((first + place * step) * 60, datetime.timezone.utc)
    return step, [(f"{name(place):%Y-%m-%d %H:%M}", counts[place]) for place in range((last - first) // step + 1)]


def by_wait(values):
    counts = collections.Counter(next((n for n, end in enumerate(CLASSES) if value <= end * 1000), len(CLASSES)) for value in values)
    return [counts[place] for place in range(len(CLASSES) + 1)]


def slowest(lives):
    ready = [one for one in lives if one["readyAt"] is not None]
    ready.sort(key=lambda one: one["askedAt"] - one["readyAt"])
    return [(one["serial"], spoken((one["readyAt"] - one["askedAt"]) / 1000)) for one in ready[:NAMED]]


def of(batch):
    """All that the page must show."""
    lives = batch["lives"]
    step, certificates = issued(lives)
    values = waits(lives)
    states = collections.Counter(one["state"] for one in lives)
    failed = [(one["serial"], one["error"]) for one in lives if one["error"] is not None]
    half, nearly_all = spoken(percentile(values, 50)), spoken(percentile(values, 99))
    return {
        "figures": [str(len(lives)), str(states["Vended"]), str(states["Failed"]), half, nearly_all],
        "issued": certificates,
        "step": step,
        "quota": round(batch["quota"] * 60 * step),
        "waits": by_wait(values) if values else [],
        "states": counted(one["state"] for one in lives),
        "failures": counted(error for _, error in failed),
        "failed": failed[:NAMED],
        "slowest": slowest(lives),
    }
