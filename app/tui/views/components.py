"""Components: watchdeck's own parts, the registry's components with theirs, services, and parts of agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from app.model import text
from app.model.components import Component, ComponentKind
from app.model.health import Health
from app.tui.picture import Picture, Standing
from app.tui.views import cells
from app.tui.views.cells import left, right
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell

_ORDER = {kind: place for place, kind in enumerate(
    (ComponentKind.CONTROL, ComponentKind.SERVICE, ComponentKind.GATEWAY, ComponentKind.PROBE, ComponentKind.UNIT,
     ComponentKind.SERVER, ComponentKind.AGENT, ComponentKind.WORKER)
)}  # fmt: skip
ERRORS_SHOWN = 0.01
"""Share of failed requests from which it is marked."""


def own_standing(component: Component, picture: Picture) -> Standing:
    """What it says of itself, or the worst of its findings, whichever is worse."""
    found = picture.standing(f"component:{component.key}", "components")
    if found.health is Health.STALE or found.rank >= component.health.rank:
        return found
    return Standing(component.health, component.health.rank, component.health.rank >= Health.UNKNOWN.rank)


def standing(component: Component, picture: Picture) -> Standing:
    """As it stands, placed by the worst of its family: parts stay under what they are parts of."""
    own = own_standing(component, picture)
    ranks = picture.once("families", lambda: _families(picture))
    return Standing(own.health, max(own.rank, ranks.get(component.parent or component.key, 0)), own.fault)


def _families(picture: Picture) -> Mapping[str, int]:
    """The worst rank of each component and its parts."""
    worst: dict[str, int] = {}
    for component in picture.snapshot.components.values():
        head = component.parent or component.key
        worst[head] = max(worst.get(head, 0), own_standing(component, picture).rank)
    return worst


def parts_of(component: Component, picture: Picture) -> list[Component]:
    """Its parts, by name."""
    families = picture.once("parts", lambda: _parts(picture))
    return families.get(component.key, [])


def _parts(picture: Picture) -> Mapping[str, list[Component]]:
    found: dict[str, list[Component]] = {}
    for component in sorted(picture.snapshot.components.values(), key=lambda each: each.key):
        if component.parent:
            found.setdefault(component.parent, []).append(component)
    return found


def part_name(component: Component, picture: Picture) -> str:
    """Its name inside its parent: `api` of `controller.api`; the host of an agents' part."""
    parent = picture.snapshot.components.get(component.parent)
    if parent is None:
        return component.name
    if component.name == parent.name:
        return component.host or component.name
    for prefix in (f"{parent.name}.", f"{parent.type}."):
        if len(prefix) > 1 and component.name.startswith(prefix) and component.name != prefix:
            return component.name.removeprefix(prefix)
    return component.name


def _name(component: Component, picture: Picture) -> Cell:
    """Indented under its parent, and sorted there; families of one kind stand together."""
    parent = picture.snapshot.components.get(component.parent)
    head = parent or component
    family = f"{_ORDER.get(head.kind, 9)} {head.name} {head.key}"
    if parent is None:
        return Cell(title(component), component.name.casefold(), order=family)
    shown = part_name(component, picture)
    return Cell(f"  {shown}", component.name.casefold(), order=f"{family} / {shown}")


def title(component: Component) -> str:
    """Its name; of the fleet's own parts, of which each host has some, with the host."""
    several = component.kind is ComponentKind.CONTROL and not component.parent
    return f"{component.name} {component.host}" if several and component.host else component.name


def state(component: Component, picture: Picture) -> Cell:
    """Its own word, in the style of how it stands."""
    health = own_standing(component, picture).health
    word = component.state or health.value
    quiet = word in ("disabled", "off", "inactive", "masked")
    return Cell(word, word.casefold(), "dim" if quiet else "" if health is Health.OK else health.value)


def reason(component: Component, picture: Picture) -> str:
    """Why it stands so: what a finding says of it, else it itself; of a folded part how many hosts have it."""
    found = picture.findings_of(f"component:{component.key}")
    if found and found[0].severity.health.rank > component.health.rank:
        return found[0].what
    hosts = f"on {component.hosts} host{'' if component.hosts == 1 else 's'}" if component.hosts else ""
    return component.reason or hosts


def _latency(component: Component, picture: Picture) -> Cell:
    value = component.latency
    return cells.ABSENT if value is None else Cell(milliseconds(value), value)


def milliseconds(seconds: float) -> str:
    """`0.4ms 12ms 1.2s`, in at most 7 cells."""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f}ms"
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s" if seconds < 100 else text.age(seconds)


def _errors(component: Component, picture: Picture) -> Cell:
    share = component.errors
    if not share:
        return cells.percent(share, "dim")
    return cells.percent(share, "warn" if share >= ERRORS_SHOWN else "")


def _requests(component: Component, picture: Picture) -> Cell:
    return cells.ABSENT if component.requests is None else cells.rate(component.requests)


def _cpu(component: Component, picture: Picture) -> Cell:
    return cells.ABSENT if component.cpu is None else Cell(text.percent(component.cpu / 100), component.cpu)


def _whole_name(component: Component, picture: Picture) -> Cell:
    """Its name where it does not stand under its parent."""
    parent = picture.snapshot.components.get(component.parent)
    inside = f"{component.name} {component.host}" if parent is not None and component.host else title(component)
    return cells.plain(inside if parent is not None and component.name == parent.name else title(component))


def tally(picture: Picture) -> tuple[tuple[str, str], ...]:
    """`✗1 ▲2 ●14`, worst first: each part for itself."""
    return picture.once("components tally", lambda: _tally(picture))


def _tally(picture: Picture) -> tuple[tuple[str, str], ...]:
    states = Counter(own_standing(row, picture).health for row in picture.snapshot.components.values())
    spans: list[tuple[str, str]] = []
    for health in sorted(states, key=lambda health: -health.rank):
        spans += [(f"{health.glyph}{states[health]}", health.value), (" ", "")]
    return tuple(spans[:-1])


VIEW = View(
    id="components",
    number="2",
    title="Components",
    kind="component",
    nouns=("component", "components"),
    section="components",
    sections=frozenset({"findings", "components"}),
    sources=("registry", "services"),
    sort="component",
    standing=standing,
    names=lambda component, picture: f"{component.name} {component.type} {component.host}",
    copy=lambda component: component.name,
    tally=tally,
    empty="No components are known.",
    fields=(
        GLYPH,
        Field(left("component", "COMPONENT", 18, flex=True, help="name; its parts below it"), _name),
        Field(
            left(
                "kind",
                "KIND",
                8,
                help="worker: of watchdeck; control: of the fleet; agent: part of agents; service; probe",
            ),
            lambda c, p: cells.plain(c.kind.value, "dim"),
        ),
        Field(left("host", "HOST", 12, 3, help="where it runs"), lambda c, p: cells.plain(c.host)),
        Field(left("state", "STATE", 9, help="its own word for how it is"), state),
        Field(
            right("since", "SINCE", 5, help="age of its state"),
            lambda c, p: cells.since(c.since, p, 5, exact=True),
            times=True,
        ),
        Field(
            left("reason", "REASON", 20, flex=True, help="why it is so, or what it says of itself"),
            lambda c, p: cells.plain(reason(c, p)),
        ),
        Field(right("latency", "LATENCY", 7, 2, help="time of an answer, the median of the last ten"), _latency),
        Field(right("req", "REQ", 6, 3, help="requests per second"), _requests),
        Field(right("err", "ERR", 4, 3, help="requests that failed, percent"), _errors),
        Field(right("cpu", "CPU", 4, 3, help="percent of one core"), _cpu),
        Field(right("mem", "MEM", 5, 3, help="resident memory"), lambda c, p: cells.size(c.rss)),
        Field(
            right("up", "UP", 6, 4, help="time since it started"),
            lambda c, p: cells.since(c.started_at, p, 6, exact=True),
            times=True,
        ),
        Field(left("version", "VERSION", 10, 4, help="of the program"), lambda c, p: cells.plain(c.version)),
        Field(
            left("address", "ADDRESS", 18, 5, flex=True, help="where it listens"), lambda c, p: cells.plain(c.address)
        ),
    ),
)

FLAT = replace(
    VIEW,
    standing=own_standing,
    fields=tuple(
        replace(field, cell=_whole_name) if field.column.id == "component" else field for field in VIEW.fields
    ),
)
"""Worst first, each part for itself: for panes, where only the worst find room."""
