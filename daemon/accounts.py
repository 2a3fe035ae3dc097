"""The paid editor's account, and on whose behalf it is asked: from the rules file and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from daemon import __version__
from daemon.config.model import Config
from daemon.errors import UsageError
from daemon.nemo.account import Account, AnonymousAccount, TokenAccount
from daemon.nemo.client import Attribution, ask_anonymous_token
from daemon.nemo.live import Visitor

WEB_URL: Final = "https://nemovideo.com"


def visitor(config: Config, environ: Mapping[str, str]) -> Visitor:
    """The paid editor for a person who looks, where no daemon runs. Raises UsageError for a token's file."""
    behalf = attribution(environ)
    return Visitor(service_account(config, environ, behalf), behalf, web_url(environ))


def service_account(config: Config, environ: Mapping[str, str], attribution: Attribution) -> Account:
    """The paid editor's account: configured token, its file, systemd's credential, or an anonymous one."""
    if config.api.token is not None:
        token = config.api.token.get_secret_value()
        return TokenAccount(config.service_url, lambda: token)
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    file = config.api.token_file or (Path(credentials) / "nemo-token" if credentials else None)
    if file is not None and (file.exists() or config.api.token_file is not None):
        return TokenAccount(config.service_url, partial(_token_in, file))
    return AnonymousAccount(
        config.service_url,
        config.state,
        partial(ask_anonymous_token, attribution=attribution),
        client_id=environ.get("NEMO_CLIENT_ID"),
    )


def _token_in(file: Path) -> str:
    """The token in a file: `api.token_file`, or what systemd hands over (`LoadCredential=nemo-token:…`)."""
    try:
        token = file.read_text(errors="replace").strip()
    except OSError as error:
        raise UsageError("", f"the token's file {file} cannot be read ({error.strerror})") from None
    if not token or not (token.isascii() and token.isprintable()) or " " in token:
        # An HTTP library would tell the whole header, and so the token, in its error.
        raise UsageError(
            "", f"the token's file {file} holds no token", "It is one line with the token alone."
        )
    return token


def attribution(environ: Mapping[str, str]) -> Attribution:
    """On whose behalf requests are made that belong to no job."""
    return Attribution("reeldrop", __version__, _platform(environ))


def web_url(environ: Mapping[str, str]) -> str:
    return environ.get("NEMO_WEB_URL", WEB_URL).rstrip("/")


def _platform(environ: Mapping[str, str]) -> str:
    """Where this program was installed from, as the service's documents tell platforms apart."""
    if named := environ.get("SKILL_SOURCE"):
        return named
    parts = Path(__file__).parts
    return next((name for name in ("clawhub", "cursor") if f".{name}" in parts), "unknown")
