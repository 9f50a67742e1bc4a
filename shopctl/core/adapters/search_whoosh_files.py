"""How Whoosh is used: the schema, what of a document is indexed, how a query is asked, how segments are kept few.

Imports Whoosh, which takes 90 ms, and trusts the files it is given: only `search_whoosh` imports it, when it is needed
and after its fence. Words are made here and handed over ready, so no Whoosh analyzer or query parser is involved.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from whoosh import columns, fields, index, query, scoring
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import StructFile
from whoosh.lang.porter2 import stem as porter2
from whoosh.reading import SegmentReader
from whoosh.support.levenshtein import distance
from whoosh.writing import SegmentWriter

from shopctl.core.domain import text
from shopctl.core.ports import MAX_QUERY_CHARACTERS, MAX_QUERY_WORDS, Document, IndexAnswer, IndexBusy, IndexQuery

MAX_SEGMENTS = 8
MAX_PREFIX_WORDS = 50
MAX_WORD = 64
"""Characters; what is longer is cut, in documents and queries alike."""
_LOOKED_AT = 2000
"""Words of the lexicon that one short prefix may cost."""


class PrivateStorage(FileStorage):  # type: ignore[misc]
    """Files that only their owner can read and write, whatever the umask: the fence refuses any other.

    It remembers what it opened, because Whoosh leaves files open when it fails over damaged ones.
    """

    def __init__(self, path: str, readonly: bool = False) -> None:
        super().__init__(path, readonly=readonly)
        self._handles: list[Any] = []

    def open_file(self, name: str, **more: Any) -> StructFile:
        opened: StructFile = super().open_file(name, **more)
        self._handles.append(opened.raw_file())
        return opened

    def close(self) -> None:
        for handle in self._handles:
            handle.close()
        self._handles.clear()

    def create_file(self, name: str, excl: bool = False, mode: str = "wb", **more: Any) -> StructFile:
        created: StructFile = super().create_file(name, excl=excl, mode=mode, **more)
        os.chmod(self._fpath(name), 0o600)
        return created

    def lock(self, name: str) -> Any:
        os.close(os.open(self._fpath(name), os.O_CREAT, 0o600))
        return super().lock(name)

    def temp_storage(self, name: str | None = None) -> FileStorage:
        folder = Path(self._fpath(name or "run.tmp"))
        folder.mkdir(mode=0o700, exist_ok=True)
        return PrivateStorage(str(folder))


def _schema() -> fields.Schema:
    """`text` holds stems with their weight, `words` the words as written, for prefixes and corrections."""
    return fields.Schema(
        id=fields.ID(unique=True, sortable=True),
        version=fields.COLUMN(columns.NumericColumn("q")),
        text=fields.TEXT(phrase=False),
        words=fields.ID(),
        brand=fields.ID(),
        category=fields.ID(),
        option=fields.ID(),
    )


# --- writing -------------------------------------------------------------------------------------------------------
def create(folder: Path, documents: Iterable[Document]) -> int:
    """Write a new index into an empty folder; the number of documents."""
    with closing(PrivateStorage(str(folder))) as storage:
        writer = index.FileIndex.create(storage, _schema()).writer()
        return _write(writer, documents, lambda _, segments: segments)


def update(folder: Path, documents: Iterable[Document], gone: Iterable[str]) -> None:
    """Drop the products that are gone, then add or replace documents, in one commit."""
    with closing(PrivateStorage(str(folder))) as storage:
        try:
            writer = index.FileIndex(storage).writer()
        except index.LockError:
            raise IndexBusy("the search index is being written by another process") from None
        _write(writer, _replacing(writer, documents, gone), _few_segments)


def _write(writer: SegmentWriter, documents: Iterable[Document], merge: Callable[[Any, Any], Any]) -> int:
    written = 0
    try:
        for document in documents:
            writer.add_document(**_fields(document))
            written += 1
    except BaseException:
        writer.cancel()
        raise
    writer.commit(mergetype=merge)
    return written


def _replacing(writer: SegmentWriter, documents: Iterable[Document], gone: Iterable[str]) -> Iterable[Document]:
    """The documents, each once, with what they replace and what is gone deleted from the segments there were."""
    dropped: set[str] = set()

    def drop(product_id: str) -> bool:
        if product_id in dropped:
            return False
        dropped.add(product_id)
        writer.delete_by_term("id", product_id)
        return True

    for product_id in gone:
        drop(product_id)
    added: set[str] = set()
    for document in documents:
        drop(document.product_id)
        if document.product_id not in added:
            added.add(document.product_id)
            yield document


def _few_segments(writer: SegmentWriter, segments: Sequence[Any]) -> Sequence[Any]:
    """Leave the segments alone until they are many; then make one of all but the largest, and of that too when it is
    mostly deleted."""
    if len(segments) < MAX_SEGMENTS:
        return segments
    largest = max(segments, key=lambda segment: segment.doc_count())
    kept = [largest] if largest.deleted_count() < largest.doc_count() else []
    for segment in segments:
        if segment not in kept:
            reader = SegmentReader(writer.storage, writer.schema, segment)
            writer.add_reader(reader)
            reader.close()
    return kept


def _fields(document: Document) -> dict[str, Any]:
    once = {word for sku in document.skus for word in _written(sku)}
    once |= {word for option in document.options for word in _written(option.partition("=")[2])}
    words = [
        *_written(document.title) * 3,
        *_written(document.category) * 2,
        *_written(document.brand),
        *(word for tag in document.tags for word in _written(tag)),
        *sorted(once),
        *_written(document.description),
    ]
    return {
        "id": document.product_id,
        "version": document.version,
        "text": [_stem(word) for word in words],
        "words": sorted(set(words)),
        "brand": [text.fold(document.brand)] if document.brand else [],
        "category": _paths(document.category),
        "option": list(document.options),
    }


def _written(value: str) -> list[str]:
    """The words of a text; what a dash joins is also one word, so that "tshirt" finds "T-Shirt"."""
    found: list[str] = []
    for piece in value.split():
        parts = [part[:MAX_WORD] for part in text.words(piece)]
        found += parts
        if len(parts) > 1:
            found.append("".join(parts)[:MAX_WORD])
    return found


def _paths(category: str) -> list[str]:
    parts = text.fold(category).split(" > ")
    return [" > ".join(parts[: i + 1]) for i in range(len(parts))] if category else []


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    return str(porter2(word))


class _AnyOf(query.Or):  # type: ignore[misc]
    """An Or that adds up its postings in an array: many times faster than a tree of matchers for 50 words."""

    matcher_type = query.Or.ARRAY_MATCHER


def _filters(asked: IndexQuery) -> query.Query | None:
    terms = [query.Term("option", pair) for pair in asked.options]
    if asked.brand is not None:
        terms.append(query.Term("brand", text.fold(asked.brand)))
    if asked.category is not None:
        terms.append(query.Term("category", text.fold(asked.category)))
    return query.And(terms) if terms else None


# --- reading -------------------------------------------------------------------------------------------------------
class Opened:
    """One state of the index, open for reading. Not for two threads at a time."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as undo:
            storage = undo.enter_context(closing(PrivateStorage(str(folder), readonly=True)))
            self._searcher = undo.enter_context(closing(index.FileIndex(storage).searcher(weighting=scoring.BM25F())))
            self._reader = self._searcher.reader()
            self._ids = self._reader.column_reader("id") if self._reader.doc_count() else None
            self._held = undo.pop_all()

    def close(self) -> None:
        self._ids = None
        self._held.close()

    def find(self, asked: IndexQuery) -> IndexAnswer:
        wanted = self._words(asked.text)
        if self._ids is None or (asked.text.strip() and not wanted):
            return IndexAnswer((), (), False)
        join = query.And if asked.match == "all" else query.Or
        found = self._searcher.search(
            join(wanted) if wanted else query.Every(),
            filter=_filters(asked),  # not query.Require: its matcher fails an assertion when it skips
            limit=None,  # with a limit Whoosh skips by quality and loses documents that belong among the best
        ).top_n
        best = found[: asked.limit]
        return IndexAnswer(
            ids=[self._ids[number] for _, number in best],
            scores=[score for score, _ in best],
            more=len(found) > asked.limit,
        )

    def suggest(self, word: str) -> str | None:
        """The nearest word of the catalogue, the commonest of those: at one edit, or from five letters on at two."""
        wrong = "".join(text.words(word))[:MAX_WORD]
        if len(wrong) < 3 or ("words", wrong) in self._reader or ("text", _stem(wrong)) in self._reader:
            return None
        # Two edits over the whole lexicon take ten times as long as over the words with the same first letter.
        for edits, same in ((1, 0), (2, 1), (2, 0)) if len(wrong) > 4 else ((1, 0),):
            near: set[str] = set(self._reader.terms_within("words", wrong, edits, same))
            if near:
                return min(near, key=lambda found: (distance(found, wrong), -self._frequency(found), found))
        return None

    def versions(self) -> dict[str, int]:
        if self._ids is None:
            return {}
        versions = self._reader.column_reader("version")
        return {self._ids[number]: versions[number] for number in self._reader.all_doc_ids()}

    def _words(self, asked: str) -> list[query.Query]:
        wanted: dict[tuple[str, ...], query.Query] = {}
        for piece in asked[:MAX_QUERY_CHARACTERS].split():
            parts = [part[:MAX_WORD] for part in text.words(piece)]
            for part in parts:
                starred = piece.endswith("*") and part is parts[-1]
                stems = tuple(sorted({_stem(word) for word in self._starting(part)} if starred else {_stem(part)}))
                wanted[stems] = _AnyOf([query.Term("text", stem) for stem in stems])
        return list(wanted.values())[:MAX_QUERY_WORDS]

    def _starting(self, prefix: str) -> list[str]:
        """The commonest words of the catalogue that begin so."""
        found = (term.decode() for term in islice(self._reader.expand_prefix("words", prefix), _LOOKED_AT))
        return heapq.nlargest(MAX_PREFIX_WORDS, found, key=self._frequency) or [prefix]

    def _frequency(self, word: str) -> int:
        return int(self._reader.doc_frequency("words", word))
