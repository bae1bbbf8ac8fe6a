"""Settings: who wins, what is refused, and that no secret shows."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest

from app.settings import Secret, Settings, SettingsError, load
from app.settings.handover import pack, unpack
from app.settings.loading import shown
from app.settings.units import duration, quantity


class Home:
    """A home folder with a configuration file and NATS contexts, and the environment that leads there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}

    def toml(self, text: str) -> None:
        path = self.folder / "watchdeck.toml"
        path.write_text(text)
        self.env["WATCHDECK_CONFIG"] = str(path)

    def context(self, name: str, *, select: bool = False, **content: object) -> None:
        folder = self.folder / "config" / "nats" / "context"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(content))
        if select:
            (folder.parent / "context.txt").write_text(f"{name}\n")

    def load(self, **flags: str | bool) -> Settings:
        return load(flags, self.env)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# name of the layer, how to set the URL in it, who the screen says chose it
LAYERS = [
    ("flag", "--nats-url"),
    ("flag context", "context byflag"),
    ("watchdeck env", "WATCHDECK_NATS_URL"),
    ("nats env", "NATS_URL"),
    ("nats context env", "context byenv"),
    ("file", "watchdeck.toml"),
    ("selected context", "context selected"),
]


@pytest.mark.parametrize("first", range(len(LAYERS)))
def test_the_strongest_layer_that_names_a_url_wins(home: Home, first: int) -> None:
    flags: dict[str, str] = {}
    for rank, (layer, _) in list(enumerate(LAYERS))[first:]:
        url = f"nats://rank{rank}:4222"
        if layer == "flag":
            flags["nats_url"] = url
        elif layer == "flag context":
            home.context("byflag", url=url)
            flags["context"] = "byflag"
        elif layer == "watchdeck env":
            home.env["WATCHDECK_NATS_URL"] = url
        elif layer == "nats env":
            home.env["NATS_URL"] = url
        elif layer == "nats context env":
            home.context("byenv", url=url)
            home.env["NATS_CONTEXT"] = "byenv"
        elif layer == "file":
            home.toml(f'[nats]\nurl = "{url}"')
        else:
            home.context("selected", select=True, url=url)
    settings = home.load(**flags)
    assert settings.nats.url == f"nats://rank{first}:4222"
    assert settings.nats.origin == LAYERS[first][1]
    assert settings.origins["nats.url"] == LAYERS[first][1]


def test_without_anything_it_is_the_default(home: Home) -> None:
    settings = home.load()
    assert settings.nats.url == "nats://127.0.0.1:4222"
    assert settings.nats.origin == "default"
    assert settings.origins == {}


def test_a_context_brings_everything_it_holds(home: Home) -> None:
    creds = home.folder / "prod.creds"
    creds.write_text("x")
    creds.chmod(0o600)
    home.context(
        "prod",
        url="nats://a,tls://b:5222",
        creds="~/prod.creds",
        ca="~/ca.pem",
        cert="/c.pem",
        key="/k.pem",
        jetstream_domain="hub",
        jetstream_api_prefix="$JS.hub.API",
        inbox_prefix="_INBOX.me",
        tls_first=True,
        description="\x1b]0;evil\x07",
        unknown_key=1,
    )
    nats = home.load(context="prod").nats
    assert nats.url == "nats://a:4222,tls://b:5222"
    assert nats.creds == str(creds)
    assert nats.tls_ca == str(home.folder / "ca.pem")
    assert (nats.tls_cert, nats.tls_key, nats.tls_first) == ("/c.pem", "/k.pem", True)
    assert (nats.domain, nats.api_prefix, nats.inbox_prefix) == ("hub", "$JS.hub.API", "_INBOX.me")
    assert (nats.context, nats.origin) == ("prod", "context prod")


def test_a_flag_goes_before_its_context(home: Home) -> None:
    home.context("prod", url="nats://a:4222", jetstream_domain="hub")
    nats = home.load(context="prod", domain="leaf").nats
    assert (nats.url, nats.domain) == ("nats://a:4222", "leaf")


def test_two_named_contexts_are_never_mixed(home: Home) -> None:
    home.context("a", url="nats://a:4222")
    home.context("b", url="nats://b:4222", jetstream_domain="b", token="tb")
    home.env["NATS_CONTEXT"] = "b"
    nats = home.load(context="a").nats
    assert (nats.url, nats.domain, nats.token.reveal(), nats.context) == ("nats://a:4222", "", "", "a")


def test_the_selected_context_s_secrets_go_to_no_other_server(home: Home) -> None:
    home.context("prod", select=True, url="nats://prod:4222", user="ops", password="pw-prod", jetstream_domain="hub")
    nats = home.load(nats_url="nats://127.0.0.1:4222").nats
    assert (nats.user, nats.password.reveal(), nats.domain, nats.context) == ("", "", "", "")


def test_only_the_strongest_way_in_is_used(home: Home) -> None:
    home.context("prod", url="nats://prod:4222", user="ops", password="pw-prod")
    home.env |= {"NATS_CREDS": "/other.creds", "NATS_TOKEN": "t"}
    nats = home.load(context="prod").nats
    assert (nats.user, nats.password.reveal(), nats.creds, nats.token.reveal()) == ("ops", "pw-prod", "", "")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"NATS_USER": "u", "NATS_PASSWORD": "p"}, ("u", "p", "")),
        ({"NATS_USER": "tok"}, ("", "", "tok")),  # "username or token"
        ({"NATS_URL": "nats://u:p%40@h"}, ("u", "p@", "")),
        ({"NATS_URL": "nats://tok@h1,nats://tok@h2"}, ("", "", "tok")),
        ({"NATS_URL": "nats://u:p@h", "WATCHDECK_NATS_TOKEN": "mine"}, ("", "", "mine")),
    ],
)
def test_logins_of_the_environment(home: Home, variables: dict[str, str], expected: tuple[str, ...]) -> None:
    home.env |= variables
    settings = home.load()
    nats = settings.nats
    assert (nats.user, nats.password.reveal(), nats.token.reveal()) == expected
    assert "@" not in nats.url


def test_no_secret_shows_in_any_text_of_the_settings(home: Home) -> None:
    home.context("prod", url="nats://ops:pw-url@prod:4222", user_jwt="eyJjwt")
    (home.folder / "token").write_text("tok-file\n")
    settings = home.load(context="prod")
    told = repr(settings) + str(settings) + "".join(map(str, shown(settings))) + f"{settings.nats.password}"
    assert "pw-url" not in told
    assert "eyJjwt" not in told
    assert settings.nats.password == Secret("pw-url")
    home.toml('[nats]\ntoken_file = "token"')
    settings = home.load()
    assert settings.nats.token.reveal() == "tok-file"
    assert "tok-file" not in repr(settings)


def test_settings_survive_the_handover_to_a_child(home: Home) -> None:
    home.toml('namespace = "osapi"\n[thresholds."consumer.behind"]\nwarn = "5m"\n[views.consumers]\ncolumns = ["name"]')
    home.env["NATS_URL"] = "nats://u:p@h"
    settings = home.load(listen="127.0.0.1:9", read_only=True)
    again = unpack(pack(settings))
    for one in fields(Settings):
        assert getattr(again, one.name) == getattr(settings, one.name)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[nats]\nulr = "x"', "no setting nats.ulr, the nearest is nats.url"),
        ('namespce = "x"', "no setting namespce, the nearest is namespace"),
        ('url = "x"', "no setting url, the nearest is nats.url"),
        ('[nats]\npassword = "x"', "name a file with nats.password_file"),
        ('[nats]\ninterval = "soon"', '"soon" is not a duration'),
        ("[nats]\ninterval = 0", "nats.interval must be a duration"),
        ('[nats]\nmax_requests = "many"', "nats.max_requests: Expected `int`"),
        ('[deck]\nmouse = "yes"', "deck.mouse: Expected `bool`"),
        ('[views.consumers]\ncolour = "red"', "no setting views.consumers.colour"),
        ('[thresholds."a.b"]\nwarn = "5 elephants"', "is not a duration (5m), a size (1G) or a share (90%)"),
        ('[nats]\nurl = "http://x"', "http:// is not supported"),
        ('[nats]\nurl = "nats://a:b@x,nats://c:d@y"', "different users"),
        ('[nats]\ntoken_file = "none"', "cannot read"),
        ("nats = 3", "no setting nats"),
        ("a = = b", "is not TOML"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(home: Home, text: str, complaint: str) -> None:
    home.toml(text)
    with pytest.raises(SettingsError) as caught:
        home.load()
    said = str(caught.value)
    assert complaint in said
    assert "watchdeck.toml" in said
    assert "\n" not in said.removesuffix("\n")


def test_every_documented_key_is_taken(home: Home) -> None:
    home.toml(
        """
        namespace = "osapi"
        actions = true
        [nats]
        domain = "hub"
        interval = "500ms"
        max_requests = 20
        [names]
        registry = "agents"
        [http]
        listen = "127.0.0.1:9000"
        allowed_hosts = ["deck.example"]
        [deck]
        mouse = false
        theme = "dusk"
        utc = true
        [keys]
        "view.1" = "g"
        [views.consumers]
        columns = ["name", "pending"]
        sort = "pending"
        [thresholds."consumer.behind"]
        warn = "5m"
        crit = "90%"
        on = true
        [thresholds.streams.ORDERS."stream.full"]
        warn = "1G"
        [runbooks]
        "consumer.behind" = "https://example.org"
        """
    )
    settings = home.load()
    assert (settings.namespace, settings.actions) == ("osapi", True)
    assert (settings.nats.interval, settings.nats.max_requests, settings.nats.domain) == (0.5, 20, "hub")
    assert settings.names.registry == "agents"
    assert settings.http.allowed_hosts == ("deck.example",)
    assert (settings.deck.mouse, settings.deck.theme, settings.deck.utc) == (False, "dusk", True)
    assert settings.keys == {"view.1": "g"}
    assert settings.views == {"consumers": {"columns": ["name", "pending"], "sort": "pending"}}
    assert settings.thresholds["consumer.behind"] == {"warn": 300.0, "crit": 0.9, "on": True}
    assert settings.thresholds["streams"] == {"ORDERS": {"stream.full": {"warn": 1024.0**3}}}
    assert settings.runbooks == {"consumer.behind": "https://example.org"}


def test_switches_of_the_environment(home: Home) -> None:
    home.env |= {"WATCHDECK_READ_ONLY": "1", "WATCHDECK_ASCII": "no", "WATCHDECK_NAMESPACE": ""}
    settings = home.load()
    assert (settings.read_only, settings.deck.ascii, settings.namespace) == (True, False, "")
    home.env["WATCHDECK_READ_ONLY"] = "perhaps"
    with pytest.raises(SettingsError, match="WATCHDECK_READ_ONLY must be 1 or 0"):
        home.load()


def test_a_missing_context_names_those_that_exist(home: Home) -> None:
    home.context("prod", url="x")
    home.context("staging", url="y")
    with pytest.raises(SettingsError, match=r'no NATS context "dev": there are prod, staging'):
        home.load(context="dev")
    with pytest.raises(SettingsError, match="no NATS context"):
        home.load(context="../../etc/passwd")


def test_a_broken_context_is_said_without_its_content(home: Home) -> None:
    home.context("prod")
    (home.folder / "config/nats/context/prod.json").write_text('{"password": "hunter2", ')
    with pytest.raises(SettingsError, match="cannot read NATS context prod") as caught:
        home.load(context="prod")
    assert "hunter2" not in str(caught.value)


def test_a_selected_context_that_is_gone_is_no_error(home: Home) -> None:
    home.context("prod", select=True, url="nats://prod:4222")
    (home.folder / "config/nats/context/prod.json").unlink()
    assert home.load().nats.origin == "default"


def test_nsc_and_files_open_to_others_are_warned_of(home: Home) -> None:
    creds = home.folder / "open.creds"
    creds.write_text("x")
    creds.chmod(0o644)
    home.context("prod", url="nats://prod", nsc="nsc://op/acc/user", creds=str(creds))
    warnings = "\n".join(home.load(context="prod").warnings)
    assert "nsc" in warnings
    assert f"{creds} can be read by others" in warnings


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1.5s", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5x", "5m!", "m5", "-5m", "5m "])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


def test_quantities_are_told_apart_by_unit() -> None:
    assert quantity("90%") == pytest.approx(0.9)
    assert quantity("1G") == 1024**3
    assert quantity("64KiB") == 65536
    assert quantity("5m") == 300


def test_relative_paths_are_those_of_the_file_they_stand_in(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.toml('[nats]\ncreds = "prod.creds"')
    monkeypatch.chdir(os.sep)
    assert home.load().nats.creds == str(home.folder / "prod.creds")


def test_an_empty_option_is_not_given_except_where_empty_means_none(home: Home) -> None:
    home.context("prod", url="nats://prod")
    home.env["NATS_CONTEXT"] = "prod"
    settings = home.load(context="", nats_url="", namespace="", listen="")
    assert (settings.nats.context, settings.nats.origin) == ("prod", "context prod")
    assert (settings.namespace, settings.http.listen) == ("", None)


def test_a_worker_is_attached_to_by_its_origin(home: Home) -> None:
    assert home.load(attach="https://deck.example:8000/").attach == "https://deck.example:8000"
    with pytest.raises(SettingsError, match="--attach takes a worker's socket or"):
        home.load(attach="https://deck.example/path?x=1")


def test_the_home_of_nobody_is_a_file_that_is_not_there(home: Home) -> None:
    home.env["NATS_CREDS"] = "~nobody-of-this-name/x.creds"
    assert home.load().nats.creds.endswith("~nobody-of-this-name/x.creds")


def test_what_sessions_and_scores_are_measured_by(home: Home) -> None:
    plain = home.load()
    assert (plain.sessions.ingest, plain.sessions.create, plain.sessions.durable_ttl) == (True, False, None)
    assert (plain.store.keep_payloads, plain.scores.window) == (90 * 86_400, 7)
    home.toml(
        '[sessions]\ningest = false\ndurable_ttl = "2h"\n[store]\nkeep_payloads = "30d"\n'
        "[scores]\nwindow = 14\nbands = {healthy = 80}\n"
        "weights = {error_rate = 0.2, cost_efficiency = 0.2, tool_success = 0.2, "
        "latency = 0.2, completion_rate = 0.2}\n"
    )
    said = home.load()
    assert (said.sessions.ingest, said.sessions.durable_ttl, said.store.keep_payloads) == (False, 7200, 30 * 86_400)
    assert (said.scores.window, said.scores.bands.healthy, said.scores.bands.warning) == (14, 80, 50)
    assert said.scores.weights.latency == 0.2
    assert unpack(pack(said)) == said
    rows = {key: (value, origin) for key, value, origin in shown(said)}
    assert rows["scores.bands"] == ("healthy 80, warning 50", "watchdeck.toml")
    assert rows["scores.weights"][0].startswith("error_rate 0.2, cost_efficiency 0.2")
    home.env |= {
        "WATCHDECK_INGEST": "1",
        "WATCHDECK_DURABLE_TTL": "0",
        "WATCHDECK_KEEP_PAYLOADS": "1d",
        "WATCHDECK_SCORES_WINDOW": "30",
        "WATCHDECK_CREATE_STREAM": "1",
    }
    said = home.load()
    assert (said.sessions.ingest, said.sessions.create, said.sessions.durable_ttl) == (True, True, 0)
    assert (said.store.keep_payloads, said.scores.window) == (86_400, 30)
    home.env["WATCHDECK_SCORES_WINDOW"] = "-1"
    with pytest.raises(SettingsError, match="WATCHDECK_SCORES_WINDOW must be a number of days, 1 to 90"):
        home.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[scores]\nwindow = 91", "scores.window must be a number of days, 1 to 90"),
        ("[scores]\nwindow = true", "scores.window must be a number of days"),
        ("[scores]\nweights = {latency = 0.9}", "add up to 1 .*they are 1.75 together"),
        ("[scores]\nweights = {latenzy = 0.1}", "latenzy is not a dimension, the nearest is latency"),
        ("[scores]\nweights = {latency = 2}", "weights.latency must be a number from 0 to 1"),
        ("[scores]\nweights = 5", "scores.weights must be a table"),
        ("[scores]\nbands = {warning = 75}", "warning must be less than healthy, 75"),
        ("[scores]\nbands = {awful = 7}", "awful is not a band: they are healthy, warning"),
        ("[sessions]\ndurable_ttl = 5", "durable_ttl must be a duration of 1m to 366d, or 0 for no end"),
        ('[sessions]\ndurable_ttl = "5s"', "durable_ttl must be a duration of 1m"),
        ("[sessions]\ndurable_ttl = false", "durable_ttl must be a duration"),
        ('[sessions]\ndurable_ttl = "soon"', '"soon" is not a duration'),
        ('[store]\nkeep_payloads = "0"', '"0" is not a duration'),
        ('[store]\nkeep_payloads = "5m"', "keep_payloads must be a duration of 1h to 3660d"),
    ],
)
def test_standards_that_cannot_be_used_are_one_sentence(home: Home, text: str, said: str) -> None:
    home.toml(text)
    with pytest.raises(SettingsError, match=said):
        home.load()
