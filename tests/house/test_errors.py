"""One tree of errors: drawn as it is, told in one sentence, whole wherever it goes."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import pytest

from daemon import errors


def _below(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(_below(child) for child in kind.__subclasses__()))


OURS = sorted(
    (kind for kind in _below(errors.ReeldropError) if kind.__module__ == errors.__name__),
    key=lambda kind: kind.__name__,
)


def _made(kind: type[BaseException]) -> BaseException:
    if kind is errors.RulesError:
        return errors.RulesError(
            (errors.Fault(Path("rules.yaml"), 3, 5, "rules[0].watch", "no such folder"),)
        )
    if issubclass(kind, errors.RateLimited):
        return kind("look", "too many requests", "Wait.", status=429, api_code=429, retry_after=7.0)
    if issubclass(kind, errors.ApiError):
        return kind("look", "it says no", "Ask it.", status=400, api_code=2001)
    return kind("look", "it cannot be read", "Let this user read it.")


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"^    ([│├└─ ]*)(\w+)(?:  |$)", errors.__doc__ or "", re.MULTILINE)
    above: list[str] = []
    pairs = set()
    for branch, name in drawn:
        depth = len(branch) // 4
        above[depth:] = [name]
        pairs.add((name, above[depth - 1] if depth else "Exception"))
    assert pairs == {(kind.__name__, kind.__bases__[0].__name__) for kind in OURS}


def test_an_error_says_what_failed_why_and_what_to_do() -> None:
    error = errors.SourceError("upload clip.mp4", "it cannot be read.", "Let this user read it.")
    assert str(error) == "upload clip.mp4: it cannot be read. Let this user read it."
    assert error.reason == f"source: {error}"


@pytest.mark.parametrize("kind", OURS)
def test_every_error_is_the_same_after_a_copy_or_a_pickle(kind: type[BaseException]) -> None:
    error = _made(kind)
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is kind
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_trying_again_can_help_against_these_alone() -> None:
    retryable = {kind for kind in OURS if kind.retryable}  # type: ignore[attr-defined]
    assert retryable == {
        errors.DeliveryError,
        errors.RenderError,
        errors.Unreachable,
        errors.Unanswered,
        errors.SessionGone,
        errors.NotFound,
        errors.RateLimited,
        errors.GateShut,
    }


def test_every_error_has_a_short_word_for_a_jobs_reason() -> None:
    for kind in OURS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code), kind  # type: ignore[attr-defined]
    refused = [kind.code for kind in OURS if issubclass(kind, errors.Refused)]
    assert len(set(refused)) == len(refused), "two refusals that a reason does not tell apart"
