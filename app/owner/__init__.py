"""Pages by which the owner of a storefront runs it: a reseller in /manage, the distributor in /bss, one code for both.

Surfaces do not import each other; these makers of blueprints stand below them, like `app.access` and `app.frames`.
"""
