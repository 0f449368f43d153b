"""The checks: what each page shows, asks for and lets in. Run by `browser`, with Chromium, the painter and a folder."""

import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

import facts
import samples
from playwright.sync_api import sync_playwright

HERE = pathlib.Path(__file__).resolve().parent
LOOK, SHAPE, ROOM = ((HERE / f"{name}.js").read_text() for name in ("look", "shape", "room"))
SIZES = {"laptop": (1280, 800), "phone": (390, 844)}
QUIET = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
FAULTS = []


def hold(name, holds, *seen):
    if not holds:
        FAULTS.append(name)
        print(f"FAILED {name}: {' '.join(map(str, seen))[:600]}", file=sys.stderr)


class Bench:
    """A browser, and where the pages are."""

    def __init__(self, browser, painter, folder):
        self.browser, self.painter, self.folder = browser, painter, folder

    def paint(self, name, batch):
        made = subprocess.run([self.painter], input=json.dumps(batch).encode(), stdout=subprocess.PIPE, check=True)
        path = self.folder / f"{name}.html"
        path.write_bytes(made.stdout)
        return path

    def open(self, name, path, size="laptop", scheme="light", **more):
        """The page, once it has loaded. Whatever it says or asks for beside itself is a fault."""
        width, height = SIZES[size]
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, is_mobile=size == "phone", **more
        )
        page = context.new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda popup: said.append(popup.url))
        page.goto(path.as_uri(), wait_until="networkidle")
        hold(f"{name}: it asks for nothing but itself", asked == [path.as_uri()], asked)
        hold(f"{name}: the console is silent", not said, said)
        return page


def near(seen, due, pixel):
    """As near as an eye can tell: within one and a half pixels."""
    return abs(seen - due) <= 1.5 * pixel


def upright(name, chart, labels, counts, quota=None):
    if not counts:
        hold(f"{name}: there is no chart of nothing", chart is None, chart)
        return
    bars = chart["bars"]
    hold(f"{name}: a bar for each count", [bar["count"] for bar in bars] == counts, bars)
    # A quota that is far above is told in words: beside its line, nothing could be seen of the bars.
    drawn = quota if quota is not None and quota <= 4 * max(counts) else None
    hold(f"{name}: the axis", chart["axis"][0] == 0 and chart["axis"][-1] == max([*counts, drawn or 0]), chart["axis"])
    hold(f"{name}: the axis rises", all(one < other for one, other in itertools.pairwise(chart["axis"])), chart["axis"])
    for bar, count in zip(bars, counts):
        hold(f"{name}: a bar's height", near(bar["seen"], count, chart["pixel"]), bar)
        hold(f"{name}: a bar's foot", near(bar["foot"], 0, chart["pixel"]), bar)
    apart = all(one["right"] <= other["left"] for one, other in itertools.pairwise(bars))
    hold(f"{name}: bars stand apart", apart)
    free = all(one["right"] <= other["left"] for one, other in itertools.pairwise(chart["words"]))
    hold(f"{name}: words do not run into each other", free, chart["words"])
    hold(f"{name}: the table", chart["table"] == [[label, str(n)] for label, n in zip(labels, counts)], chart["table"])
    line = chart["quota"]
    hold(f"{name}: the quota's line", line is None if drawn is None else line and near(line, drawn, chart["pixel"]), line, quota)


def lying(name, bars, due):
    hold(f"{name}: words and numbers", [(bar["label"], bar["number"]) for bar in bars] == [(word, str(n)) for word, n in due], bars)
    most = max((count for _, count in due), default=1)
    for bar, (_, count) in zip(bars, due):
        hold(f"{name}: a bar's length", near(bar["seen"], count / most, bar["pixel"]), bar)


def shows(name, page, batch):
    """What is to be read is what the lives come to."""
    due, seen = facts.of(batch), page.evaluate(LOOK)
    hold(f"{name}: title", seen["title"] == f"Batch {batch['batch']}", seen["title"])
    hold(f"{name}: figures", seen["figures"] == due["figures"], seen["figures"], due["figures"])
    if due["issued"]:
        step = "minute" if due["step"] == 1 else f"{due['step']} minutes"
        hold(f"{name}: the quota in words", f"The quota is {due['quota']} per {step}." in seen["notes"], seen["notes"])
    times = [time for time, _ in due["issued"]]
    upright(f"{name}: by time", seen["issued"], times, [count for _, count in due["issued"]], due["quota"])
    classes = ["≤ 2 s", "≤ 5 s", "≤ 10 s", "≤ 30 s", "≤ 1 min", "≤ 2 min", "≤ 5 min", "≤ 10 min", "≤ 30 min", "≤ 1 h", "≤ 2 h", "longer"]
    upright(f"{name}: by wait", seen["waits"], classes, due["waits"])
    lying(f"{name}: states", seen["states"], due["states"])
    lying(f"{name}: failures", seen["failures"], due["failures"])
    for table in ("failed", "slowest"):
        hold(f"{name}: {table}", seen[table] == [list(row) for row in due[table]], seen[table], due[table])


def has_room(name, page):
    """Nothing sticks out and all can be read, also with every table unfolded."""
    for unfolded in (False, True):
        page.evaluate("open => document.querySelectorAll('details').forEach(node => { node.open = open })", unfolded)
        faults = page.evaluate(ROOM)
        hold(f"{name}: all has room", not faults, faults)


def as_parsed(text):
    """What an HTML parser makes of a text: no NUL, and every line ends alike."""
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def lets_nothing_in(bench, number, text, bypass, twin):
    """The elements are those of the harmless twin, and the text is there as it is."""
    name = f"hostile text {number}"
    page = bench.open(name, bench.paint(f"hostile-{number}", samples.hostile(text)), "phone", bypass_csp=bypass)
    hold(f"{name}: the same elements", page.evaluate(SHAPE) == twin, repr(text)[:80])
    seen = page.evaluate(LOOK)
    hold(f"{name}: no script", seen["title"] != "pwned")
    hold(f"{name}: the text in a list", ["SN-2", as_parsed(text)] in seen["failed"], seen["failed"])
    hold(f"{name}: the text in a table", seen["slowest"][0][0] == as_parsed(text), seen["slowest"])
    has_room(name, page)
    page.context.close()


def let_nothing_in(bench):
    # Once as it ships, and once with scripts and loading allowed: escaping must do without the content policy.
    for bypass in (False, True):
        page = bench.open("twin", bench.paint("twin", samples.hostile("harmless")), "phone", bypass_csp=bypass)
        twin = page.evaluate(SHAPE)
        page.context.close()
        for number, text in enumerate(samples.HOSTILE):
            lets_nothing_in(bench, number, text, bypass, twin)


def main():
    chromium, painter, out = sys.argv[1:]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        print(f"Chromium {browser.version}")
        bench = Bench(browser, painter, pathlib.Path(folder))
        for name, batch in samples.ordinary().items():
            path = bench.paint(name, batch)
            for size, scheme in itertools.product(SIZES, ("light", "dark")):
                at = f"{name}, {size}, {scheme}"
                page = bench.open(at, path, size, scheme)
                shows(at, page, batch)
                page.screenshot(path=f"{out}/{name}-{size}-{scheme}.png", full_page=True)
                has_room(at, page)
                page.context.close()
        let_nothing_in(bench)
        browser.close()
    print(f"{len(FAULTS)} faults; screenshots in {out}" if FAULTS else f"all of it holds; screenshots in {out}")
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
