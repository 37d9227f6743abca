"""The demo vendor's web server: loopback only, a thread per call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from flask import Flask, Response
from werkzeug.serving import BaseWSGIServer, make_server

from app.local.demo_vendor.api import Vendor, contract_of
from app.local.demo_vendor.behaviour import Behaviour, Temper
from app.local.demo_vendor.control import control_of
from app.local.demo_vendor.store import VendorStore

HOST = "127.0.0.1"
MAX_REQUEST_BYTES = 1_048_576


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_vendor_app(vendor: Vendor) -> Flask:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    app.register_blueprint(contract_of(vendor))
    app.register_blueprint(control_of(vendor))

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return app


class DemoVendorServer:
    """A running demo vendor. `with DemoVendorServer(data) as server:` serves from a thread of this process."""

    def __init__(
        self, data: Path, *, port: int = 0, api_key: str | None = None, now: Callable[[], datetime] = utc_now
    ) -> None:
        """Port 0 takes any free one; see `port` and `url` for what it became."""
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._store = VendorStore(data)
        self._temper = Temper()
        app = create_vendor_app(Vendor(self._store, self._temper, api_key, now))
        self._server: BaseWSGIServer = make_server(HOST, port, app, threaded=True)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def serve_forever(self) -> None:
        """Serve in this thread until interrupted."""
        try:
            self._server.serve_forever()
        finally:
            self.close()

    def close(self) -> None:
        """End calls that wait, free the port, close the file."""
        self._temper.become(Behaviour())
        self._server.server_close()
        self._store.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self.close()
