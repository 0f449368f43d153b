"""The batches that the browser is shown, and texts that a file or an error could bring."""

import random

MINUTE, HOUR = 60_000, 3_600_000
START = 1_767_250_800_000  # 2026-01-01T07:00:00Z

# Each would do something if it were markup, a script or a part of an attribute, or look like something else.
HOSTILE = [
    "</title><script>document.title='pwned'</script>",
    "<img src=x onerror=\"document.title='pwned'\">",
    "\"><svg onload=\"document.title='pwned'\">",
    "' onmouseover='alert(1)' x='",
    "\" onmouseover=\"alert(1)\" style=\"position:fixed;width:9999px",
    "</style><style>*{display:none}</style>",
    "--></section></body></html><h1>another page</h1>",
    "<iframe srcdoc='<script>parent.document.title=1</script>'></iframe>",
    "<a href='javascript:alert(1)'>click</a><base href='//evil.example/'>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "<link rel=stylesheet href='http://127.0.0.1:9/x.css'>",
    "]]><!--<![CDATA[</svg><script>alert(1)</script>",
    "&lt;script&gt; &amp; &#60;b&#62; &nbsp",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "SN-\u202e0001\u202c \u2066isolated \u200f\u061c",
    "\u05e9\u05dc\u05d5\u05dd 123 \u0645\u0631\u062d\u0628\u0627",
    "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\u2029\ufeff",
    "nul\x00 in the middle",
    "a\u0300\u0301\u0302" * 60,
    "x" * 4000,
    "https://example.com/" + "a-very-long-path/" * 40,
    "\U0001f469\u200d\U0001f680 \U0001f3f3\ufe0f\u200d\U0001f308",
]


def life(serial, state, error=None, asked_at=None, ready_at=None):
    return {"serial": serial, "state": state, "error": error, "askedAt": asked_at, "readyAt": ready_at}


def batch(name, lives, quota=10.0):
    return {"batch": name, "madeAt": START + 12 * HOUR, "quota": quota, "lives": lives}


def shift(dice, devices, hours):
    """A night shift: most are vended, a few wait long, some fail, and one row is bad."""
    reasons = ["policy_missing", "policy_missing", "denied", "csr_refused", "another device has this key"]
    lives = []
    for number in range(devices):
        serial = f"SN-{number:06}"
        asked = START + int(hours * HOUR * number / devices)
        wait = int(dice.lognormvariate(3.2, 1.6) * 1000)
        if dice.random() < 0.04:
            lives.append(life(serial, "Failed", dice.choice(reasons), asked))
        elif dice.random() < 0.03:
            lives.append(life(serial, dice.choice(["Requested", "Issuing"]), None, asked))
        else:
            lives.append(life(serial, "Vended", None, asked, asked + wait))
    lives.append(life("", "bad row", "no productid"))
    return lives


def ordinary():
    """Batches as they are, large and small."""
    dice = random.Random(20)
    edges = [2_000, 2_001, 5_000, 60_000, 7_200_000, 7_200_001]
    return {
        "shift": batch("night-shift-2026-01-01", shift(dice, 3000, 7.5)),
        "hour": batch("hour", shift(dice, 400, 0.9)),
        "edges": batch("edges", [life(f"SN-{n}", "Vended", None, START, START + wait) for n, wait in enumerate(edges)]),
        "one": batch("one", [life("SN-1", "Vended", None, START, START + 1500)]),
        "failed": batch("failed", [life(f"SN-{n}", "Failed", "policy_missing", START) for n in range(25)]),
        "busy": batch("busy", [life(f"SN-{n}", "Vended", None, START, START + n * 110) for n in range(5000)]),
        "slow": batch("slow", [life("SN-1", "Vended", None, START, START + 30 * HOUR)], quota=0.5),
        "empty": batch("empty", []),
    }


def hostile(text):
    """A batch with this text wherever a text can be."""
    lives = [
        life(text, "Vended", None, START, START + 3_000),
        life("SN-2", text, text, START),
        life(text + text, "Failed", "denied", START + MINUTE),
    ]
    return batch(text, lives)
