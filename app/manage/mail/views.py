"""Mail of a reseller's storefront: server, words, log."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.mail import mail_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("mail", __name__, surface=Surface.MANAGE)

mail_pages(bp, surface=Surface.MANAGE, rights=Rights(Permission.MANAGE_MAIL, Permission.MANAGE_MAIL))
