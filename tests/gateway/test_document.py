"""The OpenAPI document is what is answered. schemathesis asks what the document allows, and what it does not.

The long run, by hand, against a gateway with `--rate 0 --shopper-rate 0`:

    schemathesis run URL/openapi.json -H "Authorization: Bearer KEY" --max-examples 200 --continue-on-failure
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shopctl.core import accounts, keys
from shopctl.core.shop import Shop
from tests.gateway.served import Client

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,allow_header_conformance"
)


def test_nothing_is_answered_that_is_not_documented(shop: Shop, web: Client, tmp_path: Path) -> None:
    accounts.register(shop, email="fuzz@example.com", password="correct horse")
    shopper = web.logged_in("fuzz@example.com", "correct horse")
    headers = [f"Authorization: Bearer {web.secret}", f"X-Shopper-Token: {shopper.token}"]
    words = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{web.url}/openapi.json"]
    words += [word for header in headers for word in ("-H", header)]
    words += ["--checks", CHECKS, "--phases", "fuzzing", "--max-examples", "6", "--continue-on-failure"]
    words += ["--generation-deterministic", "--exclude-path-regex", "^/v1/sessions$"]  # it would log itself out
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr


def test_every_route_says_what_it_is_for(web: Client) -> None:
    document = web("GET", "/openapi.json").json
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert told.get("description"), (method, path)
            keyless = path in ("/healthz", "/readyz", "/v1/payments/notices")
            assert bool(told.get("security")) != keyless, (method, path)
            assert keyless or {"401", "403", "429", "503", "504"} <= set(told["responses"]), (method, path)


def test_what_a_key_is_not_for(shop: Shop, web: Client) -> None:
    reader = Client(web.url, keys.create(shop, name="reader", scopes=["read"]).secret)
    assert reader("GET", "/v1/products").status == 200
    for method, path in (("POST", "/v1/carts"), ("GET", "/v1/operate/orders"), ("GET", "/metrics")):
        said = reader(method, path)
        assert (said.status, said.code) == (403, "scope_missing")
    nobody = Client(web.url)("GET", "/v1/products")
    assert (nobody.status, nobody.code, nobody.headers["www-authenticate"]) == (401, "api_key_missing", "Bearer")
    assert Client(web.url, "shopctl_wrong")("GET", "/v1/products").code == "bad_api_key"


def test_what_there_is_not(web: Client) -> None:
    assert (web("GET", "/v2").status, web("GET", "/v2").code) == (404, "no_such_path")
    said = web("PATCH", "/v1/carts/x/lines")
    assert (said.status, said.headers["allow"]) == (405, "DELETE, POST")
