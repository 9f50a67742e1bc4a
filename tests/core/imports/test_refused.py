"""Refused rows as a file: as they were read, to be mended and imported again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shopctl.core.errors import BadInput
from shopctl.core.imports.products import import_products
from shopctl.core.imports.report import Report
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import catalogue, everything, exported, lines, shirts
from .test_runs import again, cut, kill

HEADER = b"handle;title;sku;options;price;quantity\r\n"
TEE = b"tee;Tee;TEE-S;Size=S;10;3\r\ntee;;TEE-M;Size=M;free;3\r\n"
MUG = b'mug;"Mug ""big""\r\n\r\nof two lines";MUG;;;1\r\n'
HAT = b"hat;Hat;HAT;;9;1\r\n"
RAGGED = b"cap;Cap;CAP;;7;;;\r\n"
PAN = b'"pan";"Pan";PAN;;-4;1'


def refusing(shop: Shop, content: bytes, file: Path, **how: Any) -> Report:
    return import_products(shop, content, refused=str(file), **how)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mend.txt"


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_rows_come_as_they_were_read(shop: Shop, file: Path, batch: int) -> None:
    content = b"\xef\xbb\xbf" + HEADER + TEE + b";;;;;\r\n\r\n" + HAT + MUG + RAGGED + PAN
    report = refusing(shop, content, file, batch=batch)
    assert sorted(catalogue(shop)) == ["hat", "tee"]
    assert [refusal.line for refusal in report.refusals] == [3, 7, 10, 11]
    assert file.read_bytes() == b"\xef\xbb\xbf" + HEADER + TEE + MUG + RAGGED + PAN + b"\r\n"


def test_the_mended_file_completes_the_import(new_shop: NewShop, file: Path) -> None:
    shop, other = new_shop(), new_shop()
    content = HEADER + TEE + HAT + MUG + RAGGED + PAN

    def mended(text: bytes) -> bytes:
        return (
            text.replace(b"free", b"11")
            .replace(b'lines";MUG;;', b'lines";MUG;;5')
            .replace(b"7;;;", b"7;")
            .replace(b"-4", b"4")
        )

    refusing(shop, content, file)
    report = import_products(shop, mended(file.read_bytes()))
    assert (report.rows_refused, report.products_created, report.products_updated) == (0, 3, 1)
    import_products(other, mended(content))
    assert exported(shop) == exported(other)


def test_lines_of_json(shop: Shop, file: Path) -> None:
    rows = [json.dumps(row).encode() for row in shirts(30)]
    rows[7], rows[22], rows[29] = b'{"title": "\xc3\xa9",  "variants": []}', b"{", b"[1]"
    refusing(shop, b"\n".join(rows), file, batch=10)
    assert file.read_bytes() == rows[7] + b"\n{\n[1]\n"


def test_what_the_catalogue_cannot_take_goes_there_too(shop: Shop, file: Path) -> None:
    content = b"handle,title,sku,price\na,A,X,1\nb,B,Y,1\nb,,X,2\nc,C,Z,1\n"
    report = refusing(shop, content, file, batch=1)
    assert [(r.line, r.reason) for r in report.refusals] == [(4, "this SKU belongs to another product")]
    assert file.read_bytes() == b"handle,title,sku,price\nb,B,Y,1\nb,,X,2\n"


def test_what_stands_behind_an_open_quote_is_not_lost(shop: Shop, file: Path) -> None:
    rest = b'a,"A,2\n' + b"c,C,3\n" * 20
    refusing(shop, b"handle,title,price\na,A,1\n" + rest, file)
    assert file.read_bytes() == b"handle,title,price\na,A,1\n" + rest


def test_what_stands_behind_a_quote_longer_than_a_cell_may_be_is_not_lost(shop: Shop, file: Path) -> None:
    rest = b'a,"A,2\n' + b"c,%s,3\n" % (b"x" * 999_990) * 20
    refusing(shop, b"handle,title,price\na,A,1\n" + rest, file)
    assert file.read_bytes() == b"handle,title,price\na,A,1\n" + rest


def test_no_file_where_nothing_is_refused(shop: Shop, file: Path) -> None:
    refusing(shop, HEADER + HAT, file)
    assert not file.exists()


def test_a_rehearsal_makes_no_file(shop: Shop, file: Path) -> None:
    assert refusing(shop.but(dry_run=True), HEADER + TEE, file).rows_refused == 1
    assert not file.exists()


def test_no_file_is_overwritten(shop: Shop, file: Path, tmp_path: Path) -> None:
    before = everything(shop)
    file.write_bytes(b"mine")
    for path in (file, tmp_path, tmp_path / "no" / "folder", Path("-")):
        with pytest.raises(BadInput, match=r"cannot be written|not empty|go to a file"):
            refusing(shop, HEADER + TEE, path)
    assert (file.read_bytes(), everything(shop)) == (b"mine", before)
    file.write_bytes(b"")
    refusing(shop, HEADER + TEE, file)
    assert file.read_bytes() == HEADER + TEE


def test_all_or_nothing_leaves_nothing_to_mend(shop: Shop, file: Path) -> None:
    with pytest.raises(BadInput, match="no rows are left to mend"):
        refusing(shop, HEADER + TEE, file, on_error="stop")


def test_an_error_loses_nothing(shop: Shop, file: Path) -> None:
    with pytest.raises(BadInput, match="not UTF-8"):
        refusing(shop, HEADER + TEE + HAT + b"\xe9;E;;1;;\r\n", file, batch=1)
    assert file.read_bytes() == HEADER + TEE


def test_what_an_error_rolls_back_is_not_in_the_file(shop: Shop, file: Path) -> None:
    """So the same command can be given again: the rows of the batch will be refused again."""

    def fail(_: Any) -> None:
        raise RuntimeError

    content = HEADER + HAT + TEE
    with pytest.raises(RuntimeError):
        refusing(shop, content, file, on_refusal=fail)
    assert not file.exists()
    refusing(shop, content, file)
    assert file.read_bytes() == HEADER + TEE


def bad(count: int) -> str:
    products = shirts(count)
    for product in products[4::6]:
        product["variants"][0]["price"] = "free"
    return lines(*products)


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_an_import_that_was_killed_goes_on_with_the_same_file(
    new_shop: NewShop, tmp_path: Path, file: Path, point: str
) -> None:
    shop, other = new_shop(), new_shop()
    source = tmp_path / "shirts.jsonl"
    source.write_text(bad(45))
    kill(source, point, file)
    with source.open("rb") as opened:
        report = import_products(shop, opened, batch=10, refused=str(file))
    whole = refusing(other, source.read_bytes(), tmp_path / "other.txt")
    assert report == whole
    assert file.read_bytes() == (tmp_path / "other.txt").read_bytes()


def test_a_file_that_was_touched_meanwhile_is_left_alone(shop: Shop, file: Path) -> None:
    cut(shop, bad(45), 33, refused=str(file))
    mended = file.read_bytes().replace(b"free", b"12.5")
    file.write_bytes(mended)
    with pytest.raises(BadInput, match="not empty"):
        again(shop, bad(45), refused=str(file))
    assert file.read_bytes() == mended


def test_a_file_that_was_taken_away_meanwhile_is_made_anew(shop: Shop, file: Path) -> None:
    told: list[str] = []
    cut(shop, bad(45), 33, refused=str(file))
    first = file.read_bytes()
    file.unlink()
    again(shop.but(narrate=told.append), bad(45), refused=str(file))
    assert told[-1] == f"Rows that were refused before are not in {file}."
    assert (first + file.read_bytes()).decode().splitlines() == [row for row in bad(45).splitlines() if "free" in row]
