"""Whom and what policies let through."""

from uuid import UUID

import pytest

from emprops.policies.measures import measured
from emprops.policies.rules import MayNotBuildError, Policy, PolicyLimitError, Rules

ANNA, BEN = UUID(int=1), UUID(int=2)


def fetch(url: str, *others: str) -> dict[str, object]:
    api: dict[str, object] = {"url": url, "fetchType": "wait", "wait": {}}
    if others:
        polling: dict[str, object] = {"url": others[0]}
        api |= {"fetchType": "polling", "polling": polling}
        if others[1:]:
            polling["result"] = {"url": others[1]}
    return api


@pytest.mark.parametrize(
    ("policy", "anna", "ben"),
    [
        (Policy("x"), True, True),
        (Policy("x", builders="authors", authors=[ANNA]), True, False),
        (Policy("x", builders="services"), False, False),
    ],
)
def test_who_may_build(policy: Policy, anna: bool, ben: bool) -> None:
    assert (policy.lets_build(ANNA), policy.lets_build(BEN)) == (anna, ben)
    assert policy.lets_build(None), "a service always may"
    rules = Rules.of([policy])
    for owner, may in ((ANNA, anna), (BEN, ben)):
        if may:
            rules.check_builder(owner, "x")
        else:
            with pytest.raises(MayNotBuildError, match="may not build on x"):
                rules.check_builder(owner, "x")
        rules.check_builder(owner, "y")


def test_the_policy_of_a_host_wins_over_the_one_without() -> None:
    rules = Rules.of([Policy("fetch_api", floor=5, builders="services"), Policy("fetch_api", "cheap.example", floor=1)])
    cheap, other = fetch("https://Cheap.example./v1"), fetch("https://other.example/")
    assert rules.floor("fetch_api", cheap) == 1
    assert rules.floor("fetch_api", other) == 5
    rules.check_builder(ANNA, "fetch_api", cheap)
    with pytest.raises(MayNotBuildError):
        rules.check_builder(ANNA, "fetch_api", other)


@pytest.mark.parametrize(
    "api",
    [
        fetch("https://dear.example:8443/x"),
        fetch("https://cheap.example/", "https://dear.example/"),
        fetch("https://cheap.example/", "https://cheap.example/", "https://DEAR.example/x"),
    ],
)
def test_each_host_that_is_called_has_a_say(api: dict[str, object]) -> None:
    dear = Policy("fetch_api", "dear.example", floor=7, builders="services", max_count=1)
    rules = Rules.of([dear, Policy("fetch_api", "cheap.example", floor=1)])
    assert rules.floor("fetch_api", api) == 7
    with pytest.raises(MayNotBuildError, match=r"fetch_api at dear\.example"):
        rules.check_builder(ANNA, "fetch_api", api)
    with pytest.raises(PolicyLimitError):
        rules.check_limits("Paint", "fetch_api", measured({"n": 2}), api)


@pytest.mark.parametrize(
    ("policy", "payload", "says"),
    [
        (Policy("x", models=["a", "b"]), {"model": "c"}, "Paint uses c; allowed for x: a, b."),
        (Policy("x", models=["a"]), {"model": "A"}, "Paint uses A; allowed for x: a."),
        (
            Policy("openai_image", models=["a"]),
            {},
            "Paint names no model; name one that is allowed for openai_image: a.",
        ),
        (
            Policy("x", max_pixels=1_048_576),
            {"width": 1024, "height": 1025},
            "Paint asks for 1,049,600 pixels; x allows 1,048,576 at most. Ask for less.",
        ),
        (Policy("x", max_count=4), {"n": 5}, "Paint asks for 5 results; x allows 4 at most. Ask for less."),
        (
            Policy("x", max_seconds=7.5),
            {"duration": "8s"},
            "Paint asks for 8 seconds; x allows 7.5 at most. Ask for less.",
        ),
    ],
)
def test_what_is_too_much_is_said_in_a_sentence(policy: Policy, payload: dict[str, object], says: str) -> None:
    with pytest.raises(PolicyLimitError) as caught:
        Rules.of([policy]).check_limits("Paint", policy.job_type, measured(payload))
    assert caught.value.message == says
    assert caught.value.extra["details"]["job_type"] == policy.job_type


def test_what_is_at_the_limit_passes() -> None:
    policy = Policy("x", models=["a"], max_pixels=64 * 64, max_count=2, max_seconds=5)
    asked = measured({"model": "a", "width": 64, "height": 64, "n": 2, "duration": 5})
    Rules.of([policy]).check_limits("Paint", "x", asked)
    Rules.of([policy]).check_limits("Paint", "x", measured({}))
