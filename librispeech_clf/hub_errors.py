"""Why the Hugging Face hub refused a repository, and what helps."""

HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500


def explain_hub_error(error: BaseException, *, name: str, kind: str) -> str | None:
    """Say what a refusal of the hub means.

    Args:
        error: what a function of `huggingface_hub` raised; its causes are looked at, too.
        name: the repository's name, for example "openslr/librispeech_asr".
        kind: "dataset" or "model".

    Returns:
        One line: name, reason, remedy. None: the hub refused nothing, it was not reached.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    for cause in _list_causes(error):
        if isinstance(cause, GatedRepoError):
            return (
                f"{name}: the {kind} is gated, and the hub gives no access. Accept its terms on its page, then "
                "log in with `hf auth login` or set HF_TOKEN to a token of that account."
            )
        if isinstance(cause, RepositoryNotFoundError | HFValidationError):
            return (
                f"{name}: the hub has no such {kind}. Check how it is spelled (owner/name); a private one "
                "needs `hf auth login` or HF_TOKEN."
            )
        if isinstance(cause, HfHubHTTPError) and (status := _find_status(cause)):
            return f"{name}: {_explain_status(status)}"
    return None


def _list_causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes


def _find_status(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _explain_status(status: int) -> str:
    if status == HTTP_TOO_MANY_REQUESTS:
        return (
            "the hub's rate limit is reached (HTTP 429). Wait some minutes and try again; with `hf auth login` "
            "or HF_TOKEN the limit is higher."
        )
    if status >= HTTP_SERVER_ERROR:
        return f"the hub has a fault of its own (HTTP {status}). Try again later."
    return f"the hub refuses access (HTTP {status}). Log in with `hf auth login`, or set a valid HF_TOKEN."
