"""Now pane: the list of findings under its title, with what it says where there are none."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical

from app.model import text
from app.model.findings import Finding
from app.tui.lines import rule
from app.tui.screens import now
from app.tui.screens.document import Document
from app.tui.screens.moves import perform_move
from app.tui.screens.page import Deck
from app.tui.screens.room import Plan
from app.tui.views import cells
from widgets.now_list import NowList
from widgets.record_table import RecordTable


class NowPane(Vertical, can_focus=False):
    """Findings, worst first. They keep their places for a moment after the cursor moved among them. Title and list come
    with `mount_facts`: the first frame waits for neither."""

    def __init__(self, deck: Deck) -> None:
        super().__init__(id="now-pane")
        self._deck = deck
        self.title = Document(selectable=False, id="now-title")
        self.list = NowList(cut=cells.cut, id="now")
        self.opening = Document(selectable=False, id="opening")
        self.every = False  # also what is quiet
        self.filter_text = ""
        self._zoomed = False
        self._moved_at: float | None = None

    def compose(self) -> ComposeResult:
        yield self.opening

    def mount_facts(self) -> None:
        """Title and list, once."""
        if not self.list.is_attached:
            self.mount(self.title, self.list, before=self.opening)

    def settle(self, plan: Plan) -> None:
        """Shows what of it finds room."""
        self._zoomed = bool(plan.zoom)
        self.display = plan.zoom in ("", "now")
        self.list.unfolded = plan.wide
        self.list.display = not plan.opening
        self.opening.display = plan.opening
        self.title.display = plan.title

    @property
    def active(self) -> bool:
        return self.list.active

    @active.setter
    def active(self, on: bool) -> None:
        self.list.active = on
        self.title.active = on
        self.write_title()

    # -- what stands there -------------------------------------------------------------------------------------------
    def write(self) -> None:
        """From the picture as it is now."""
        picture = self._deck.picture
        found = now.worst_first(picture, every=self.every, wanted=self.filter_text)
        if self.order_held:
            places = {row.key: place for place, row in enumerate(self.list.rows)}
            found.sort(key=lambda finding: places.get(finding.id, len(places)))
        headline, style = self._headline()
        self.list.set_rows(
            [now.now_row(finding, picture) for finding in found],
            more="" if self.every else now.left_out(picture),
            headline=headline,
            headline_style=style,
        )
        self.write_title()

    def _headline(self) -> tuple[str, str]:
        """What it says where it lists nothing, and in which style."""
        if self.filter_text:
            return f"Nothing matches /{self.filter_text} — esc clears", "dim"
        if self._deck.picture.facts_age() is not None:
            return "No findings are known; the facts are old.", "dim"
        return "No findings.", "ok"

    def write_title(self) -> None:
        told = (
            ("with all that is quiet", self.every),
            ("order held", self.order_held),
            ("zoomed: z goes back", self._zoomed),
        )
        notes = [note for note, on in told if on]
        if self.filter_text:
            notes.append(f"/{text.cut(self.filter_text, 20)}")
        if self.list.size.height and self.list.more_below:  # without a size everything would seem to be below
            notes.append(f"+{self.list.more_below} more")
        self.title.show([rule("Now", right=", ".join(notes))])

    @property
    def order_held(self) -> bool:
        """Whether findings keep their places because the cursor moved among them a moment ago."""
        at = self._moved_at
        return at is not None and self._deck.options.monotonic() - at < RecordTable.HOLD

    # -- the cursor --------------------------------------------------------------------------------------------------
    @property
    def finding(self) -> Finding | None:
        """Under the cursor."""
        return self._deck.picture.snapshot.findings.get(self.list.cursor_key)

    @property
    def ref(self) -> str:
        return f"finding:{self.list.cursor_key}" if self.list.cursor_key else ""

    @property
    def copied(self) -> str:
        """What copying gives: `CRIT down nats: …`."""
        finding = self.finding
        return "" if finding is None else f"{finding.severity.name} {finding.kind} {finding.subject}: {finding.what}"

    def perform(self, action: str) -> bool:
        """An action on the list; False for those that it does not know."""
        if not perform_in_lines(self.list, action):
            return False
        self._moved_at = self._deck.options.monotonic() if action != "refresh" else None
        return True


def perform_in_lines(moved: NowList | Document, action: str) -> bool:
    """Actions on what has no faults apart: there the next fault is the next line."""
    moves: dict[str, Callable[[], object]] = {
        "fault.next": lambda: moved.move(1),
        "fault.previous": lambda: moved.move(-1),
        "refresh": lambda: None,
    }
    if action not in moves:
        return perform_move(moved, action)
    moves[action]()
    return True
