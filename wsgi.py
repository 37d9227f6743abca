"""The web server's application object."""

from app.factory import create_app

app = create_app()
