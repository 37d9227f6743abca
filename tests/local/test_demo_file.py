from __future__ import annotations

import json
import stat

import pytest

from app.local import demo_file
from app.local.demo_file import Addresses
from app.local.surroundings import Unsuitable

SEEDED = {
    "hosts": {
        "platform": "platform.localhost",
        "operator": {"email": "op@x.example", "password": "p1"},
        "distributors": [
            {
                "host": "cloud.disti.localhost",
                "bss_users": [{"email": "anna@x.example", "password": "p2", "role": "Administrator"}],
                "storefronts": [
                    {
                        "alias": "techsolutions",
                        "reseller": "Tech Solutions",
                        "edition": "Premium",
                        "users": [
                            {"email": "r@x.example", "password": "p3", "kind": "reseller", "roles": ["Owner", "Sales"]},
                            {"email": "b@x.example", "password": "p4", "kind": "buyer", "roles": []},
                        ],
                    },
                    {"alias": None, "reseller": None, "edition": None, "users": []},
                ],
            }
        ],
    },
    "remark": "kept",
}
ADDRESSES = Addresses(8080, "http://127.0.0.1:2/", "http://127.0.0.1:3/", "owner", "app", "redis")


@pytest.fixture
def demo(tmp_path):
    path = tmp_path / "demo.json"
    path.write_text(json.dumps(SEEDED))
    return path


def test_the_addresses_join_what_the_seed_wrote(demo):
    demo_file.complete(demo, ADDRESSES)
    content = json.loads(demo.read_text())
    assert content["hosts"] == SEEDED["hosts"]
    assert content["remark"] == "kept"
    assert {name: content[name] for name in Addresses.__slots__} == {
        "port": 8080,
        "mail_url": "http://127.0.0.1:2/",
        "vendor_url": "http://127.0.0.1:3/",
        "database_url_owner": "owner",
        "database_url_app": "app",
        "redis_url": "redis",
    }
    assert stat.S_IMODE(demo.stat().st_mode) == 0o600


def test_completing_twice_changes_nothing(demo):
    demo_file.complete(demo, ADDRESSES)
    once = demo.read_text()
    demo_file.complete(demo, ADDRESSES)
    assert demo.read_text() == once


@pytest.mark.parametrize("content", ["", "{", "[]", '{"port": 1}'])
def test_a_seed_that_wrote_nothing_useful_is_told(demo, content):
    demo.write_text(content)
    with pytest.raises(Unsuitable, match="make seed writes it again"):
        demo_file.complete(demo, ADDRESSES)
    assert demo.read_text() == content


def test_the_table_tells_every_sign_in(demo):
    demo_file.complete(demo, ADDRESSES)
    lines = [line.split() for line in demo_file.table(demo_file.read(demo)).splitlines()]
    who = ["reseller:", "Owner,", "Sales"]
    assert lines[2:] == [
        ["Console", "http://platform.localhost:8080/console/", "op@x.example", "p1"],
        ["Back", "office", "http://cloud.disti.localhost:8080/bss/", "anna@x.example", "p2", "Administrator"],
        ["Storefront", "(Premium)", "http://cloud.disti.localhost:8080/techsolutions/", "r@x.example", "p3", *who],
        ["b@x.example", "p4", "buyer"],
        ["Storefront", "http://cloud.disti.localhost:8080/"],
        ["Mail", "http://127.0.0.1:2/"],
        ["Demo", "vendor", "http://127.0.0.1:3/"],
    ]
