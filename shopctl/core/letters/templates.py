"""The wording of letters: files that are built in, and files of the same names in the shop's own `templates` directory.

`$field` stands for a value, `$$` for a dollar. The first line of a .txt is "Subject: …", and page.html is the frame of all HTML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

from shopctl.core.domain.facts import LETTERS
from shopctl.core.domain.near import did_you_mean
from shopctl.core.errors import BadInput

FIELDS = ("shop", "number", "total", "amount", "url", "lines", "totals", "address", "parcels", "instructions")
PAGE = "page.html"
_IN_PAGE = ("title", "body", "shop")
FILES = (PAGE, *(f"{name}.{kind}" for name in dict.fromkeys(LETTERS.values()) for kind in ("txt", "html")))
_BUILT_IN = Path(__file__).parent / "built_in"
_SUBJECT = "Subject: "


@dataclass(frozen=True, slots=True)
class Templates:
    """The wording of one shop; each file is read once. Errors: bad_template."""

    own: Path
    _read: dict[str, Template] = field(default_factory=dict)

    @classmethod
    def of(cls, home: Path) -> Templates:
        return cls(home / "templates")

    def text(self, name: str, fields: Mapping[str, str]) -> tuple[str, str]:
        """Subject and text."""
        subject, _, text = self._filled(f"{name}.txt", fields).partition("\n")
        return subject.removeprefix(_SUBJECT).strip(), text.strip() + "\n"

    def html(self, name: str, title: str, fields: Mapping[str, str]) -> str:
        body = self._filled(f"{name}.html", fields)
        return self._filled(PAGE, {"title": escape(title), "body": body, "shop": fields["shop"]})

    def _filled(self, file: str, fields: Mapping[str, str]) -> str:
        if file not in self._read:
            self._read[file] = _checked(self.own, file)
        return self._read[file].substitute(fields)


def problems(home: Path) -> Iterator[str]:
    """What is wrong with the shop's own templates."""
    own = Templates.of(home).own
    try:
        files = sorted(path.name for path in own.iterdir() if not path.name.startswith(".")) if own.exists() else []
    except OSError as error:
        yield f"The templates in {own} cannot be read: {error.strerror}"
        return
    for file in files:
        try:
            if file not in FILES:
                raise BadInput("bad_template", f"{own / file} is of no letter", hint=did_you_mean(file, FILES))
            _checked(own, file)
        except BadInput as error:
            yield f"{error.message}. {error.hint}" if error.hint else error.message


def _checked(own: Path, file: str) -> Template:
    """The shop's own template, or else the one that is built in."""
    place = own / file
    try:
        text = (place if place.exists() else _BUILT_IN / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise BadInput("bad_template", f"The template {place} cannot be read: {why}") from None
    found, fields = Template(text), _IN_PAGE if file == PAGE else FIELDS
    if not found.is_valid():
        raise BadInput("bad_template", f"In {place} a $ stands alone", hint="$$ is a dollar.")
    for name in found.get_identifiers():
        if name not in fields:
            raise BadInput(
                "bad_template", f"{place} names ${name}, which is no field", hint=f"Fields: {', '.join(fields)}."
            )
    if file.endswith(".txt") and not text.startswith(_SUBJECT):
        raise BadInput("bad_template", f"The first line of {place} must be the subject", hint=f"{_SUBJECT}…")
    return found
