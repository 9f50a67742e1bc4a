"""TAB: what is offered where, and that no name can do harm."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from shopctl.commands import shells
from shopctl.core import cart, sales
from shopctl.core.shop import Shop
from tests import flash, shops
from tests.cli import Cli, Said
from tests.shells import Terminal, known

EVIL = "X $(touch pwned) `touch pwned` \"q\" 'a' !x;&|<>*?[a]{b,c}~#%:@=é"
Tab = Callable[..., list[str]]


@pytest.fixture
def cli(shop: Shop, tmp_path: Path) -> Cli:
    for sku in ("TEE-RED", "TEE-BLUE", EVIL):
        shops.product(shop, sku, units=9)
    for handle in ("ana", "bo"):
        shops.buy(shop, handle, "TEE-RED")
    return Cli(tmp_path)


def asked(cli: Cli, line: str, shell: str = "fish", **extra: str) -> Said:
    asking = {"_SHOPCTL_COMPLETE": f"complete_{shell}", "COMP_LINE": line, "SHOPCTL_COMPLETION_SECONDS": "60"}
    return cli(**{**asking, **extra})


@pytest.fixture
def tab(cli: Cli) -> Tab:
    def ask(line: str, **extra: str) -> list[str]:
        said = asked(cli, f"shopctl {line}", **extra)
        assert (said.status, said.err) == (0, "")
        return [answer.partition("\t")[0] for answer in said.out.split("\n") if answer]

    return ask


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("stock sh", ["show"]),
        ("store ta", ["tax"]),
        ("catalog categories l", ["list"]),
        ("stock show TEE", ["TEE-BLUE", "TEE-RED"]),
        ("--quiet stock receive TEE-B", ["TEE-BLUE"]),
        ("stock receive TEE-RED 1 -w ", ["MAIN"]),
        ("stock receive TEE-RED 1 --warehouse=M", ["--warehouse=MAIN"]),
        ("cart add ana TEE-R", ["TEE-RED"]),
        ("catalog show tee", ["tee-blue", "tee-red"]),
        ("catalog add TEE", []),
        ("orders show ", ["1002", "1001"]),
        ("orders ship 10", ["1002", "1001"]),
        ("orders deliver ", []),
        ("orders list --customer a", ["ana@example.com"]),
        ("orders list --status c", ["confirmed", "cancelled"]),
        ("orders list -o js", ["json", "jsonl"]),
        ("orders list --color=a", ["--color=auto", "--color=always"]),
        ("orders list --cust", ["--customer"]),
        ("orders list --customer a@b --cust", []),
        ("store set hold_a", ["hold_at"]),
        ("store set hold_at ", ["cart", "checkout"]),
        ("store set timezone Europe/Berl", ["Europe/Berlin"]),
        ("orders nosuch ", []),
        ("orders list --nosuch ", []),
        ("verify ", []),
        ("spec ord", ["orders"]),
        ("spec orders del", ["deliver"]),
        ("--install-completion f", ["fish"]),
        ("orders list --sort -crea", ["-created_at"]),
        ("orders list --fields number,stat", ["number,status"]),
        ("orders list --filter !status:conf", ["!status:confirmed"]),
        ("stock list --filter sku:TEE-R", ["sku:TEE-RED"]),
        ("stock show nosuch", []),
        ("stock show -- TEE-R", ["TEE-RED"]),
    ],
)
def test_offered(tab: Tab, line: str, offered: list[str]) -> None:
    assert tab(line) == offered


def test_the_line_says_which_store(tab: Tab, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shop = shops.make(tmp_path / "other")
    shops.product(shop, "MUG")
    shop.engine.dispose()
    url = f"sqlite:///{tmp_path / 'other' / 'shop.db'}"
    (tmp_path / "shopctl.toml").write_text(f'[profiles.night]\nlock_wait = 7\nstore = "{url}"\n')
    assert tab(f"stock show --store {url} ") == tab(f"--store {url} stock show ") == ["MUG"]
    assert tab("--profile ni") == ["night"]
    environment = cli.environment()
    assert tab("stock show ", SHOPCTL_STORE=url) == ["MUG"]
    assert environment["SHOPCTL_STORE"] != url
    assert tab("stock show ", SHOPCTL_STORE="sqlite:///missing.db") == []
    (tmp_path / "shopctl.toml").write_text("broken = [")
    assert tab("stock show TEE") == []


def test_sales_and_the_tickets_that_are_open(tab: Tab, shop: Shop) -> None:
    flash.opened(shop, name="friday", sku="TEE-RED")
    flash.make(shop, name="monday", sku="TEE-BLUE")
    left, waits = flash.crowd(shop, 2)
    sales.leave(shop, ticket=left)
    assert tab("sales join ") == ["friday", "monday"]
    assert tab("sales open mo") == ["monday"]
    assert tab("sales create ") == []
    assert tab("sales position ") == tab(f"sales buy {waits[:3]}") == [waits]
    assert tab("sales tickets friday --filter state:wai") == ["state:waiting"]


def test_a_file_is_left_to_the_shell(cli: Cli) -> None:
    for line in ("shopctl catalog import ", "shopctl checkout place ana --ship-to h"):
        assert (asked(cli, line).status, asked(cli, line).out) == (1, "")


def test_time_is_up(cli: Cli) -> None:
    said = asked(cli, "shopctl stock show TEE", SHOPCTL_COMPLETION_SECONDS="0")
    assert (said.status, said.out, said.err) == (0, "", "")


def test_names_that_would_steer_a_terminal_are_not_offered(tab: Tab, shop: Shop, cli: Cli) -> None:
    handles = ("web\x1b]0;x\x07", "web\nrm", "web\u202e", "web\ud83d\x9b", "-web", "web-1")
    with sqlite3.connect(cli.directory / "shop.db") as connection:
        for n, handle in enumerate(handles):
            cart.add(shop, handle=f"c{n}", sku="TEE-RED", quantity=1)
            raw = handle.encode(errors="surrogatepass")
            connection.execute(
                "UPDATE carts SET handle = CAST(? AS TEXT), handle_folded = CAST(? AS TEXT) WHERE handle = ?",
                (raw, raw, f"c{n}"),
            )
            connection.commit()
    assert tab("cart show web") == ["web-1"]
    assert "-web" not in tab("cart show ")


@pytest.mark.parametrize("shell", known())
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_name_reaches_the_command_and_nothing_else(cli: Cli, shell: str, quote: str) -> None:
    terminal = Terminal(cli, shell)
    assert terminal.types(f"shopctl stock show {quote}X\t") == ["stock", "show", EVIL]
    assert not list(cli.directory.rglob("pwned"))


@pytest.mark.parametrize("shell", known())
def test_parts_of_words(cli: Cli, shell: str) -> None:
    terminal = Terminal(cli, shell)
    assert terminal.types("shopctl orders list --output=csv --filter status:conf\t") == [
        *("orders", "list", "--output=csv"),
        *("--filter", "status:confirmed"),
    ]
    assert terminal.types("shopctl orders list --filter statu\t") == ["orders", "list", "--filter", "status:"]
    assert terminal.types("shopctl orders list --customer ana@ex\t") == [
        "orders",
        "list",
        "--customer",
        "ana@example.com",
    ]
    assert terminal.types("shopctl orders list --outp\t") == ["orders", "list", "--output"]


def test_what_each_shell_is_told() -> None:
    line, names = shells.parse("shopctl x ", ""), [("A B", "what it is"), ("C", "")]
    assert line.answer("bash", names) == "A\\ B\nC"
    assert line.answer("zsh", names) == "A B\nA B  -- what it is\nC\nC"
    assert line.answer("fish", names) == "A B\twhat it is\nC\t"


@pytest.mark.parametrize(
    ("text", "words", "value", "kept", "quote"),
    [
        ("a b ", ["a", "b"], "", 0, ""),
        ("a 'b c' d", ["a", "b c"], "d", 0, ""),
        ("a 'b c", ["a"], "b c", 0, "'"),
        ('a x"b\\"c\\d', ["a"], 'xb"c\\d', 1, '"'),
        ("a b\\ c", ["a"], "b c", 0, ""),
        ("a --x=y:z", ["a"], "--x=y:z", 6, ""),
        ("a '' ", ["a", ""], "", 0, ""),
        ("a b\\", ["a"], "b", 0, ""),
    ],
)
def test_a_line_is_split_as_the_shell_does(text: str, words: list[str], value: str, kept: int, quote: str) -> None:
    assert shells.parse(text, "=:") == shells.Line(words, value, kept, quote)


@pytest.mark.parametrize("shell", shells.SCRIPTS)
def test_installed_once(cli: Cli, shell: str) -> None:
    assert cli("--show-completion", shell).out == shells.script(shell)
    for _ in range(2):
        assert cli("--install-completion", shell).status == 0
    found = [
        path for path in cli.directory.rglob("*shopctl*") if path.is_file() and path.suffix in (".sh", ".fish", "")
    ]
    assert [path.read_text() for path in found] == [shells.script(shell)]
    for start in (cli.directory / ".bashrc", cli.directory / ".zshrc"):
        assert not start.exists() or start.read_text().count("\n") == 1


def test_an_unknown_shell(cli: Cli) -> None:
    said = cli("-o", "json", "--show-completion", "fsh")
    assert (said.status, said.error["code"]) == (2, "unknown_shell")
    assert "fish" in said.error["hint"]
