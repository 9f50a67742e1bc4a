"""Where shopctl looks: flag > environment > ./shopctl.toml > user file > default. Every value knows its origin."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from shopctl.core.errors import BadInput

ENVIRONMENT: Mapping[str, str] = {
    "SHOPCTL_PROFILE": "The profile of shopctl.toml; also --profile.",
    "SHOPCTL_SMTP_PASSWORD": "The password at the mail server.",
    "SHOPCTL_COMPLETION_SECONDS": "How long TAB may look for names before it is silent. Default: 0.12.",
    "XDG_DATA_HOME": "The data directory of this user. Default: ~/.local/share.",
    "XDG_CONFIG_HOME": "Where the user file shopctl/shopctl.toml lies. Default: ~/.config.",
    "USER": "The user's name.",
    "LOGNAME": "The user's name, where USER is not set.",
    "STRIPE_API_KEY": "The key for Stripe; or stripe_key_file. It is never an argument, and never shown.",
    "STRIPE_WEBHOOK_SECRET": "What Stripe signs its notices with; or stripe_webhook_secret_file.",
    "NO_COLOR": "Any value: no colour.",
    "TERM": "dumb: no colour.",
    "SHELL": "The shell to complete for, where it cannot be told.",
    "ZDOTDIR": "Where .zshrc lies.",
}
"""Variables besides SHOPCTL_ and the name of a setting."""

GATEWAYS = ("sandbox", "stripe")


@dataclass(frozen=True, slots=True)
class Value:
    """One setting and where it came from."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    store: Value
    redis: Value
    smtp: Value
    smtp_password_file: Value
    data_dir: Value
    lock_wait: Value
    actor: Value
    log: Value
    failpoint: Value
    gateway: Value
    sandbox: Value
    stripe_key_file: Value
    stripe_webhook_secret_file: Value
    stripe_return_url: Value
    stripe_api_base: Value

    MEANINGS: ClassVar[Mapping[str, str]] = {
        "store": "The store, a URL; also --store. Default: an SQLite file in data_dir.",
        "redis": "Redis or Valkey for carts while they change: redis://host:6379/0. Default: none.",
        "smtp": "The mail server for letters: smtp://user@host:587 or smtps://host:465. Default: none, a Maildir.",
        "smtp_password_file": "A file of yours alone (0600) with the password at the mail server. Default: none.",
        "data_dir": "Where index, gateway ledger and Maildir lie. Default: shopctl in the XDG data directory.",
        "lock_wait": "Seconds that a writer waits for its turn. Default: 30.",
        "actor": "Who acts, in the ledger and the audit log. Default: the user's name.",
        "log": "Where a JSON line for each request goes: a file, or - for stderr. Default: nowhere.",
        "failpoint": "Where to die, in test stores only. Default: nowhere.",
        "gateway": "Who is asked for new payments: sandbox (no money moves) or stripe. Default: sandbox.",
        "sandbox": "How the sandbox misbehaves, in test stores only: drop=0.1,fail=0.05,seed=7. Default: it does not.",
        "stripe_key_file": "A file of mode 0600 with the key for Stripe, instead of STRIPE_API_KEY. Default: none.",
        "stripe_webhook_secret_file": "The same for STRIPE_WEBHOOK_SECRET. Default: none.",
        "stripe_return_url": "Where a shopper goes after 3-D Secure. Default: https://example.com/.",
        "stripe_api_base": "Where Stripe is, for tests. Default: https://api.stripe.com.",
    }

    @property
    def lock_wait_seconds(self) -> float:
        try:
            seconds = float(self.lock_wait.value)
        except ValueError:
            seconds = -1
        if not 0 < seconds <= 3600:
            raise BadInput(
                "bad_setting", f"lock_wait is a number of seconds up to an hour, not {self.lock_wait.value!r}"
            )
        return seconds

    @property
    def redis_url(self) -> str:
        """The URL of Redis; empty for none. Its password reaches no message."""
        url = self.redis.value.strip()
        if url and not _is_redis_url(url):
            raise BadInput(
                "bad_redis_url",
                "redis must be a URL: redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket",
            )
        return url

    @property
    def gateway_name(self) -> str:
        if self.gateway.value not in GATEWAYS:
            raise BadInput("bad_setting", f"gateway is {' or '.join(GATEWAYS)}, not {self.gateway.value!r}")
        return self.gateway.value

    @property
    def stripe_base(self) -> str:
        """Where Stripe is. The key goes there, so it is a secure place, or this machine."""
        url = urlsplit(self.stripe_api_base.value)
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in ("127.0.0.1", "localhost", "::1")):
            raise BadInput("bad_setting", "stripe_api_base is an https URL, or one of this machine")
        return self.stripe_api_base.value.rstrip("/")

    def stripe_key(self) -> str:
        """The key for Stripe; empty when there is none."""
        return _secret(os.environ.get("STRIPE_API_KEY"), self.stripe_key_file).strip()

    def stripe_webhook_secret(self) -> str:
        return _secret(os.environ.get("STRIPE_WEBHOOK_SECRET"), self.stripe_webhook_secret_file).strip()

    @property
    def mail_server(self) -> MailServer | None:
        """The mail server; None where letters go to a Maildir. Its password reaches no message."""
        url = self.smtp.value.strip()
        return _mail_server(url, self._smtp_password) if url else None

    def _smtp_password(self) -> str:
        return _secret(os.environ.get("SHOPCTL_SMTP_PASSWORD"), self.smtp_password_file)


@dataclass(frozen=True, slots=True)
class MailServer:
    """`security`: TLS from the first byte (tls), begun in plain text (starttls), or none."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    user: str
    password: str = field(repr=False)


def _mail_server(text: str, password: Callable[[], str]) -> MailServer:
    """smtp:// has STARTTLS, but for a server on this machine; ?tls=none for one that has no TLS. No password without it."""
    try:
        url = urlsplit(text)
        port, options = url.port, parse_qs(url.query, strict_parsing=bool(url.query))
    except ValueError:
        raise _bad_smtp() from None
    wanted = options.pop("tls", ["starttls"])[-1]
    if url.scheme not in ("smtp", "smtps") or not url.hostname or port == 0 or url.path.strip("/") or url.fragment:
        raise _bad_smtp()
    if options or wanted not in ("starttls", "none") or not url.hostname.isascii():
        raise _bad_smtp()
    local = url.hostname in ("localhost", "127.0.0.1", "::1")
    user = unquote(url.username or "")
    secret = (unquote(url.password or "") or password()) if user else ""
    if url.scheme == "smtps":
        return MailServer(url.hostname, port or 465, "tls", user, secret)
    security: Literal["starttls", "none"] = (
        "none" if wanted == "none" or (local and "tls=" not in url.query) else "starttls"
    )
    if user and security == "none" and not local:
        raise BadInput(
            "bad_smtp_url", "A password is not sent to a mail server without TLS", hint="Leave out ?tls=none."
        )
    return MailServer(url.hostname, port or (25 if local or wanted == "none" else 587), security, user, secret)


def _bad_smtp() -> BadInput:
    return BadInput(
        "bad_smtp_url", "smtp must be a URL: smtp://user@host:587, smtps://user@host:465 or smtp://host:25?tls=none"
    )


def _secret(given: str | None, file: Value) -> str:
    """What the environment says, or else a file; empty when neither does."""
    if given is not None:
        return given
    return secret_file(Path(file.value)) if file.value else ""


def secret_file(path: Path) -> str:
    """The first line of a file that nobody else may read; BadInput otherwise."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o077:
                raise BadInput("open_secret", f"{path} can be read by others", hint=f"chmod 600 {path}")
            return file.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadInput("bad_secret", f"{path} cannot be read: {why}") from None


def _is_redis_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    database = url.path.strip("/")
    if url.scheme in ("redis", "rediss"):
        return bool(url.hostname) and port != 0 and (not database or database.isdecimal())
    return url.scheme == "unix" and bool(url.path)


def data_home() -> Path:
    """The XDG data directory of this user's shops."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "shopctl"


def user_file() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "shopctl" / "shopctl.toml"


def resolve(*, store: str | None = None, profile: str | None = None) -> Settings:
    """The settings in force. BadInput for a file that cannot be read or a profile that nobody defined."""
    files = _files()
    chosen = profile or os.environ.get("SHOPCTL_PROFILE")
    if chosen:
        profiles = [(path, content.get("profiles", {}).get(chosen)) for path, content in files]
        if not any(found is not None for _, found in profiles):
            raise BadInput("unknown_profile", f"There is no profile {chosen!r}", hint=f"Define [profiles.{chosen}].")
        files = [
            (path, {**content, **(found or {})}) for (path, content), (_, found) in zip(files, profiles, strict=True)
        ]

    def find(key: str, default: str, flag: str | None = None) -> Value:
        if flag is not None:
            return Value(flag, "flag")
        if f"SHOPCTL_{key.upper()}" in os.environ:
            return Value(os.environ[f"SHOPCTL_{key.upper()}"], "environment")
        for path, content in files:
            if key in content and not isinstance(content[key], dict):
                return Value(str(content[key]), str(path))
        return Value(default, "default")

    data_dir = find("data_dir", str(data_home()))
    return Settings(
        store=find("store", f"sqlite:///{data_dir.value}/shop.db", store),
        redis=find("redis", ""),
        smtp=find("smtp", ""),
        smtp_password_file=find("smtp_password_file", ""),
        data_dir=data_dir,
        lock_wait=find("lock_wait", "30"),
        actor=find("actor", os.environ.get("USER") or os.environ.get("LOGNAME") or "operator"),
        log=find("log", ""),
        failpoint=find("failpoint", ""),
        gateway=find("gateway", "sandbox"),
        sandbox=find("sandbox", ""),
        stripe_key_file=find("stripe_key_file", ""),
        stripe_webhook_secret_file=find("stripe_webhook_secret_file", ""),
        stripe_return_url=find("stripe_return_url", "https://example.com/"),
        stripe_api_base=find("stripe_api_base", "https://api.stripe.com"),
    )


def profiles() -> list[str]:
    """The names of all profiles."""
    return sorted({name for _, content in _files() for name in content.get("profiles", {})})


def _files() -> list[tuple[Path, Mapping[str, Any]]]:
    return [(path, _read(path)) for path in (Path("shopctl.toml"), user_file())]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput("bad_config", f"{path} cannot be read: {error}") from None
