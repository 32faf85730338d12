"""What a refusal of the Hugging Face hub means, and what helps."""

from types import SimpleNamespace

import pytest
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from librispeech_clf.hub_errors import explain_hub_error
from librispeech_clf.local.model.convert.checkpoint import find_checkpoint


def refuse(status):
    """The hub's error of a status, without a request."""
    error = HfHubHTTPError.__new__(HfHubHTTPError)
    Exception.__init__(error, "refused")
    error.response = SimpleNamespace(status_code=status)
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (refuse(429), "me/it: the hub's rate limit is reached (HTTP 429). Wait a few minutes"),
        (refuse(500), "me/it: the hub itself failed (HTTP 500). Try again later."),
        (refuse(503), "me/it: the hub itself failed (HTTP 503)"),
        (refuse(403), "me/it: the hub refuses access (HTTP 403). Log in with `hf auth login`"),
        (HFValidationError("--"), "me/it: the hub has no such dataset. Check its spelling (owner/name)"),
        (OSError("offline"), None),  # it was not reached, and refused nothing
        (ValueError("x"), None),
    ],
)
def test_refusal_is_explained_wherever_it_stands_among_the_causes(error, message):
    missing = LocalEntryNotFoundError("not cached")
    missing.__cause__ = error
    for raised in (error, missing):
        told = explain_hub_error(raised, name="me/it", kind="dataset")
        assert told is message or told.startswith(message)


def test_refused_checkpoint_gives_the_reason(monkeypatch):
    def fail(*_, **__):
        raise refuse(429)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(FileNotFoundError, match=r"^facebook/wav2vec2-base: the hub's rate limit"):
        find_checkpoint("facebook/wav2vec2-base")
