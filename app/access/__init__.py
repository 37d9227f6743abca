"""Who is asking, and may they: session, scope and guard of every request. Below the surfaces, above the domains."""

from app.access.guards import (
    Access,
    catalogue_access,
    permission_required,
    public,
    sign_in_required,
    token_required,
)
from app.access.requests import install_access
from app.access.viewer import Viewer, current_address, current_viewer, signed_in_viewer

__all__ = [
    "Access",
    "Viewer",
    "catalogue_access",
    "current_address",
    "current_viewer",
    "install_access",
    "permission_required",
    "public",
    "sign_in_required",
    "signed_in_viewer",
    "token_required",
]
