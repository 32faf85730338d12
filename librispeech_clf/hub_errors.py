"""Why the Hugging Face hub refused a repository, and what helps."""

import http


def explain_hub_error(error: BaseException, *, name: str, kind: str) -> str | None:
    """Say in one line what the hub's refusal means, given an error or one of its causes; None: it was not reached.

    `name` is the repository's, and `kind` is "dataset" or "model".
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    cause: BaseException | None = error
    seen: list[BaseException] = []
    while cause is not None and cause not in seen:
        if isinstance(cause, GatedRepoError):
            return (
                f"{name}: the {kind} is gated, and the hub denied access. Accept its terms on its page, then "
                "log in with `hf auth login` or set HF_TOKEN to a token of that account."
            )
        if isinstance(cause, RepositoryNotFoundError | HFValidationError):
            return (
                f"{name}: the hub has no such {kind}. Check its spelling (owner/name); a private one "
                "needs `hf auth login` or HF_TOKEN."
            )
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(cause, HfHubHTTPError) and status:
            return f"{name}: {_explain_status(status)}"
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def _explain_status(status: int) -> str:
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return (
            "the hub's rate limit is reached (HTTP 429). Wait a few minutes and try again; with `hf auth login` "
            "or HF_TOKEN the limit is higher."
        )
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"the hub itself failed (HTTP {status}). Try again later."
    return f"the hub refuses access (HTTP {status}). Log in with `hf auth login`, or set a valid HF_TOKEN."
