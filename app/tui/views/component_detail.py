"""The detail of a component: facts, conditions, its parts, and of a service its instances with their endpoints."""

from __future__ import annotations

from app.model import text
from app.model.components import Component, ComponentKind, Endpoint, Service
from app.tui.lines import Line, rule
from app.tui.picture import Picture
from app.tui.views import components, parts, probe_detail
from app.tui.views.components import VIEW, milliseconds, own_standing, parts_of
from app.tui.views.parts import Fact, both
from app.tui.views.unit_lines import unit_facts
from widgets.cells import fit_cells

ENDPOINTS_SHOWN = 100


def component_name(key: str, picture: Picture) -> str:
    component = picture.snapshot.components.get(key)
    return parts.name_of(components.title(component) if component else key, picture)


def component_detail(key: str, picture: Picture, width: int) -> list[Line]:
    component = picture.snapshot.components.get(key)
    if component is None:
        return parts.gone("component", key, picture)
    said = (component.state, component.kind.value, component.host)
    lines = [parts.head(components.title(component), own_standing(component, picture), said)]
    lines += parts.findings(picture.findings_of(f"component:{key}"), picture)
    service = picture.snapshot.services.get(component.name) or picture.snapshot.services.get(key)
    service = service if component.kind is ComponentKind.SERVICE else None
    lines += parts.facts(_facts(component, service, picture), width)
    if component.conditions:
        lines += parts.conditions(component.conditions, picture)
    if component.probe is not None:
        lines += probe_detail.turns(component.probe, picture)
    family = _family(component, picture, width)
    tables = [] if component.probe is None else probe_detail.tables(component.probe, picture, width)
    alone = component.probe is not None and len(component.probe.tables) == 1  # its parts are the rows, or some of them
    lines += [*tables, *family] if alone else [*family, *tables]
    if service is not None:
        lines += _instances(service, picture, width)
    return lines


def _facts(component: Component, service: Service | None, picture: Picture) -> list[Fact]:
    latency = "" if component.latency is None else f"{milliseconds(component.latency)} (median of 10)"
    requests = "" if component.requests is None else text.rate(component.requests)
    errors = "" if component.errors is None else f"{component.errors * 100:.1f}% of the requests"
    fold = f"{component.hosts}, {len(parts_of(component, picture))} of them not ok" if component.hosts else ""
    pairs: list[Fact] = [
        ("since", both(component.since, picture)),
        ("reason", components.reason(component, picture)),
        ("hosts", fold),
        ("answers in", latency),
        ("requests", requests),
        ("errors", errors, "warn" if (component.errors or 0) >= components.ERRORS_SHOWN else ""),
        ("cpu, memory", _process(component)),
        ("started", both(component.started_at, picture)),
        ("version", component.version),
        ("address", component.address),
        ("type", component.type),
    ]
    if component.probe is not None:
        pairs += probe_detail.facts(component.probe, picture)
    if component.unit is not None:
        pairs += unit_facts(component.unit, picture)
    if service is not None:
        pairs += [
            ("description", service.description),
            ("last error", service.last_error, "warn"),
            ("gone since", both(service.gone_since, picture), "crit"),
        ]
    return pairs


def _process(component: Component) -> str:
    cpu = "" if component.cpu is None else f"{component.cpu:.1f}% of a core"
    memory = "" if component.rss is None else text.size(component.rss)
    return ", ".join(part for part in (cpu, memory) if part)


def _family(component: Component, picture: Picture, width: int) -> list[Line]:
    """What it is a part of, and its own parts; of a part of agents the hosts on which it is not ok."""
    lines = []
    parent = picture.snapshot.components.get(component.parent)
    if parent is not None:
        glyph = own_standing(parent, picture).health
        lines += [
            rule("Part of"),
            Line(
                ((f"  {glyph.glyph} ", glyph.value), (parent.name, "accent")),
                key=f"component:{parent.key}",
                target=f"component:{parent.key}",
                copy=parent.name,
            ),
        ]
    own = parts_of(component, picture)
    folded = component.kind is ComponentKind.AGENT and not component.parent
    if own:
        title = "Hosts where it is not ok" if folded else "Parts"
        lines += parts.table(title, VIEW, own, picture, width, without=("kind",))
    elif folded:
        lines += [rule("Hosts"), Line(((f"  ok on all {component.hosts} hosts that have it", "dim"),))]
    return lines


def _instances(service: Service, picture: Picture, width: int) -> list[Line]:
    lines = [rule("Instances", right=str(len(service.instances)))]
    if not service.instances:
        return [*lines, Line((("  none answers", "warn"),))]
    for instance in service.instances:
        told = [f"version {instance.version}" if instance.version else ""]
        told += [f"up {parts.ago(instance.started_at, picture)}" if instance.started_at else ""]
        told += [f"answered {parts.ago(instance.seen, picture)} ago" if instance.seen else ""]
        lines.append(
            Line(
                (("  ", ""), (instance.id, "strong"), ("  " + " · ".join(part for part in told if part), "dim")),
                key=f"instance {instance.id}",
                copy=instance.id,
            )
        )
        lines += _endpoints(instance.id, instance.endpoints, width)
    return lines


def _endpoints(instance: str, endpoints: tuple[Endpoint, ...], width: int) -> list[Line]:
    """One line an endpoint: requests, errors, mean time of an answer, and the last error as far as it fits."""
    if not endpoints:
        return []
    name = min(28, max(10, *(len(each.subject) for each in endpoints)), max(10, width - 50))
    title = f"    {fit_cells('ENDPOINT', name)} {'REQUESTS':>9} {'ERRORS':>7} {'MEAN':>7}  LAST ERROR"
    lines = [Line(((title, "header"),))]
    for each in endpoints[:ENDPOINTS_SHOWN]:
        lines.append(
            Line(
                (
                    (f"    {fit_cells(each.subject or each.name, name, cut=text.cut)} ", ""),
                    (f"{text.count(each.requests):>9} ", ""),
                    (f"{text.count(each.errors):>7} ", "warn" if each.errors else "dim"),
                    (f"{milliseconds(each.mean):>7}  ", ""),
                    (each.last_error, "warn"),
                ),
                key=f"endpoint {instance} {each.name} {each.subject}",
                copy=each.subject or each.name,
                fault=bool(each.errors),
            )
        )
    return lines
