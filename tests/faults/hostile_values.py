"""Values that a browser may send in place of those that the pages' own scripts send."""

import copy
import math
import random
from typing import Any

from visitors import Visitor

PAYLOADS = (
    '<img src=x onerror="window.pwned=1">', "<script>window.pwned=1</script>", "&lt;b&gt; <b>x</b><br>x",
    "</script><script>window.pwned=1</script>", '"><svg onload="window.pwned=1">', "[x](javascript:window.pwned=1)",
    "![x](http://127.0.0.1:9/x.png)", '<a href="javascript:window.pwned=1">x</a>', "=cmd|' /C calc'!A0",
    ":material/delete: :red[x] :smile:", "$x^2$ `x` **x** _x_ ~~x~~ # x", "{{7*7}} ${7*7} %{x} {0.__class__}",
    "[red]x[/red] [link=http://127.0.0.1:9]x[/link]", "www.x.example x@x.example http://127.0.0.1:9",
)  # fmt: skip
PATHS = (
    "../../../../etc/passwd", "/etc/passwd", "C:\\Windows\\win.ini", "file:///etc/passwd", "tiny/../../../etc/passwd",
    "..", ".", "~root", "tiny\0", "\\\\host\\share", "%2e%2e%2fetc%2fpasswd", "con", "/dev/zero", "/proc/self/environ",
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\n", "\ud800", "\u202eabc", "\x1b[31mred\x1b]8;;http://127.0.0.1:9\x07", "🤖" * 50, "é" * 1000,
    "__proto__",
    "constructor", "None", "NaN", "1e999", "0x10", "1_000", "٣", "' OR 1=1 --", "a" * 10_000, *PAYLOADS, *PATHS,
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 27, 783, 784, 255, 256, 10**9, 10**12, 2**31, 2**53, 2**63, -(2**63), 10**400, 1e308, -1e308, 1e-320,
    0.5, -0.0, math.nan, math.inf, -math.inf, True, False, None,
)  # fmt: skip


def value(rng: random.Random, depth: int = 3) -> Any:
    """Any value that JSON can hold, and some that it cannot."""
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(NUMBERS)
    if kind < 0.7 or depth == 0:
        return rng.choice(TEXTS)
    if kind < 0.85:
        return [value(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 5, 40)))]
    names = ("kind", "value", "run", "note", "epoch", "start", "code", "__proto__", rng.choice(TEXTS))
    return {name: value(rng, depth - 1) for name in rng.sample(names, rng.randint(0, 4))}


def huge() -> list[Any]:
    deep: Any = "x"
    for _ in range(500):
        deep = {"value": [deep]}
    return [deep, [0] * 10**6, "x" * 10**6, ["tiny"] * 10**6, {str(each): each for each in range(10**5)}, [0.5] * 10**6]


def like(valid: Any, rng: random.Random) -> Any:
    """A right value in which one thing is wrong."""
    wrong = copy.deepcopy(valid)
    places = list(_places(wrong))
    if not places or rng.random() < 0.1:
        return value(rng)
    holder, at = rng.choice(places)
    if rng.random() < 0.15 and isinstance(holder, dict):
        del holder[at]
    else:
        holder[at] = value(rng)
    return wrong


def _places(found: Any) -> Any:
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for at, each in items:
        yield found, at
        yield from _places(each)


INJECTED = """() => {
  const found = [], look = (root) => {
    for (const each of root.querySelectorAll("*")) {
      const name = each.localName;
      if (name === "img" && each.getAttribute("src") === "x") found.push(each.outerHTML);
      if (["onerror", "onload", "onclick"].some((kind) => each.hasAttribute(kind))) found.push(each.outerHTML);
      const address = each.getAttribute("href") ?? each.getAttribute("xlink:href") ?? "";
      if (/^\\s*javascript:|127\\.0\\.0\\.1:9|x\\.example/.test(address)) found.push(each.outerHTML);
      if (name === "script" && each.textContent.startsWith("pwned")) found.push(each.outerHTML);
      if (each.shadowRoot) look(each.shadowRoot);
    }
  };
  look(document);
  return found;
}"""


def is_unharmed(visitor: Visitor) -> None:
    """Nothing of what was sent is run by the page, or fetched by it, and there is no traceback."""
    page = visitor.page
    assert page.evaluate("window.pwned") is None and page.evaluate(INJECTED) == [], page.url
    foreign = [url for url in visitor.requests if not url.startswith((visitor.server.url, "data:", "blob:"))]
    assert not foreign, foreign
    assert page.locator('[data-testid="stException"]').count() == 0
