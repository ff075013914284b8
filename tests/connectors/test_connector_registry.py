"""Loading connectors by entry point, and the one that does nothing."""

import re
from importlib.metadata import EntryPoint

import pytest
from tests.connectors.contract import Bad, ConnectorContract, RecordingContext, Sample, make_ticket

from emprops.connectors import registry
from emprops.connectors.base import BadInputError, FinalError, RetryableError
from emprops.connectors.local_engine.connector import LocalEngine
from emprops.connectors.noop import NoopConnector
from emprops.connectors.registry import ConnectorLoadError, load_connectors, names_from_text
from emprops.settings import Settings, SettingsError


class Declines(NoopConnector):
    """Needs a setting that is not there."""

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        return settings.public_url != ""


def install(monkeypatch: pytest.MonkeyPatch, **entries: str) -> None:
    points = [EntryPoint(name, value, registry.GROUP) for name, value in entries.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])


def test_the_local_engine_is_installed() -> None:
    made = load_connectors(Settings(), ["local_engine"])
    assert [type(connector) for connector in made] == [LocalEngine]


def test_the_job_types_of_this_package_are_those_of_its_connectors() -> None:
    configured = Settings(openai_api_key="k", stability_api_key="k", comfyui_url="http://127.0.0.1:8188")
    served = [job_type for connector in load_connectors(configured) for job_type in connector.job_types]
    assert sorted(served) == sorted(registry.JOB_TYPES)


def test_noop_is_there_only_when_named() -> None:
    assert "noop" not in {connector.name for connector in load_connectors(Settings(), None)}
    assert [connector.name for connector in load_connectors(Settings(), ["noop", "local_engine", "noop"])] == [
        "noop",
        "local_engine",
    ]


def test_an_unknown_name_is_told_which_there_are() -> None:
    with pytest.raises(ConnectorLoadError, match=r"no connector named comfy\..*local_engine.*noop"):
        load_connectors(Settings(), ["local_engine", "comfy"])


def test_a_connector_without_its_settings_is_left_out_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, picky=f"{__name__}:Declines")
    assert load_connectors(Settings(), None) == []
    assert len(load_connectors(Settings(public_url="http://x"), None)) == 1
    with pytest.raises(ConnectorLoadError, match="picky is not configured"):
        load_connectors(Settings(), ["picky"])


class BreaksDown(NoopConnector):
    """Cannot be made."""

    def __init__(self, _settings: Settings) -> None:
        raise SystemExit("no licence")


class SaysNothing(NoopConnector):
    """Cannot say whether it is configured."""

    @classmethod
    def configured(cls, _settings: Settings) -> bool:
        raise ValueError("no idea")


class NameOfItsOwn(NoopConnector):
    """Serves what no workflow could name over the gateway."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.job_types = frozenset({"my job type"})


class WronglySet(NoopConnector):
    """Refuses a setting."""

    def __init__(self, _settings: Settings) -> None:
        raise SettingsError("PAINTBOX_URL must be a URL.")


BROKEN = {
    "no.such.module:Thing": "cannot be imported: ModuleNotFoundError: No module named 'no'",
    f"{__name__}:Gone": "cannot be imported: AttributeError",
    f"{__name__}:BreaksDown": "cannot be made: SystemExit: no licence",
    f"{__name__}:SaysNothing": "cannot be made: ValueError: no idea",
    f"{__name__}:NameOfItsOwn": "serves 'my job type', which is no job type",
}


@pytest.mark.parametrize(("value", "reason"), BROKEN.items())
async def test_a_connector_that_cannot_be_loaded_is_shown_and_the_others_serve(
    monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    install(monkeypatch, broken=value, noop=f"{__name__}:NoopConnector")
    made = load_connectors(Settings(), None)
    assert [(connector.name, set(connector.job_types)) for connector in made] == [("broken", set()), ("noop", {"noop"})]
    health = await made[0].check()
    assert not health.ok
    assert reason in health.message
    with pytest.raises(FinalError):
        await made[0].capabilities()
    with pytest.raises(ConnectorLoadError, match=re.escape(reason)):
        load_connectors(Settings(), ["broken"])


def test_a_wrong_setting_of_a_connector_is_the_operators_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, picky=f"{__name__}:WronglySet")
    with pytest.raises(SettingsError, match="PAINTBOX_URL must be"):
        load_connectors(Settings(), None)


def test_two_connectors_for_one_job_type_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, one=f"{__name__}:NoopConnector", two=f"{__name__}:NoopConnector")
    with pytest.raises(ConnectorLoadError, match="both serve noop"):
        load_connectors(Settings(), None)


def test_names_come_from_a_setting() -> None:
    assert names_from_text("") is None
    assert names_from_text(" a, b,,c ") == ["a", "b", "c"]


class TestNoopContract(ConnectorContract):
    @pytest.fixture
    def connector(self) -> NoopConnector:
        return NoopConnector()

    @pytest.fixture
    def samples(self) -> list[Sample]:
        return [Sample("noop", {}), Sample("noop", {"text": "hello", "result": {"a": [1]}})]

    @pytest.fixture
    def bad(self) -> list[Bad]:
        return [
            Bad("noop", {"error": {"kind": "odd"}}, "error.kind"),
            Bad("noop", {"error": {"kind": "bad_input", "message": "No such field."}}, "No such field."),
        ]


@pytest.mark.parametrize(
    ("kind", "error"), [("retryable", RetryableError), ("final", FinalError), ("bad_input", BadInputError)]
)
async def test_noop_fails_as_told(kind: str, error: type[Exception], tmp_path: object) -> None:
    ticket = make_ticket("noop", {"error": {"kind": kind, "message": "As told."}})
    with pytest.raises(error, match="As told"):
        await NoopConnector().run(ticket, RecordingContext(tmp_path))  # type: ignore[arg-type]


async def test_noop_echoes(tmp_path: object) -> None:
    context = RecordingContext(tmp_path)  # type: ignore[arg-type]
    ticket = make_ticket("noop", {"text": "hi", "result": [1, 2]})
    assert (await NoopConnector().run(ticket, context)).data == {"ok": True, "text": "hi", "result": [1, 2]}
