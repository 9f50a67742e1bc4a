"""Where shopctl looks: flag > environment > ./shopctl.toml > user file > default. Every value knows its origin."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shopctl.core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Value:
    """One setting and where it came from."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    store: Value
    data_dir: Value
    lock_wait: Value
    actor: Value
    failpoint: Value

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
        data_dir=data_dir,
        lock_wait=find("lock_wait", "30"),
        actor=find("actor", os.environ.get("USER") or os.environ.get("LOGNAME") or "operator"),
        failpoint=find("failpoint", ""),
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
