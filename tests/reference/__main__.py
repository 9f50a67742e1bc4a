"""Write the reference anew."""

from __future__ import annotations

from shopctl.commands import reference
from tests.reference import data, pages

reference.FILE.write_text(data.text(), encoding="utf-8")
reference.load.cache_clear()
pages.FOLDER.mkdir(exist_ok=True)
made = pages.make()
for path in pages.FOLDER.glob("*.md"):
    if path.name not in made:
        path.unlink()
for name, text in made.items():
    (pages.FOLDER / name).write_text(text, encoding="utf-8")
