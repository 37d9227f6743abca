"""The distributor's own mail: server, words, log. What resellers send is theirs to see."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.mail import mail_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("mail", __name__, surface=Surface.BSS)

mail_pages(bp, surface=Surface.BSS, rights=Rights(Permission.BSS_MAIL_VIEW, Permission.BSS_SETUP_EDIT))
