"""How everything looks: themes, skins, design tokens, frames and macros. Above tenants, below the surfaces.

**Pages** are `themes/base/templates/<surface>/<noun>/<page>.html`; they extend a frame, fill its blocks and use the macros of
`ui/`. A theme overrides what differs by a file of the same name; see `themes.rendering` for how names resolve.

**Frames** (`frames/…`): `storefront.html`, `bss.html`, `manage.html`, `console.html` (all three `admin.html`), `auth.html`,
`plain.html`; mails extend `mail/layout.html` and `mail/layout.txt`. What a frame reads from the context:

======================  =================================================================================================
`storefront`            `themes.frames.Look`: whose face the page wears
`page_title`            the heading of an admin, auth or plain page, and the first half of every title
`links`                 `themes.frames.FrameLinks`: search, basket, login, logout …; None hides the control
`nav`                   sequence of `NavGroup`: categories in a storefront, the side navigation in a back office
`viewer`                `Viewer` or None
`account_nav`           sequence of `NavItem` in the account menu (optional)
`side_nav`              sequence of `NavGroup` beside a storefront page, such as Billing (optional)
`footer_nav`            sequence of `NavGroup` in a storefront's footer (optional)
`create_nav`            sequence of `NavItem` under "New" in a back office (optional)
`breadcrumbs`           sequence of `Crumb`, the page itself last and without URL (optional)
`basket_count`          number (storefront)
`notification_count`    number beside the bell (optional)
`notices_under_way`     number of services being set up, behind a storefront's bell (optional)
`notices_poll_url`      where a storefront's bell looks again; None: it does not (optional)
`acting_as`             `ActingAs` or None (optional)
`search_query`          what was searched for (optional)
`lang`, `text_direction`  `en` and `ltr` unless given
======================  =================================================================================================

**Functions** the web layer registers as globals of the Jinja environment (after `themes.rendering.install_themes(app)`):
`static(path)` gives the versioned URL of `<theme>/<path>`, `csrf_token()`, `url(endpoint, **values)`,
`money(amount, currency)`, `when(datetime)` (relative, as `<time>` with the absolute in `title`), `day(date)`. Flask itself
brings `get_flashed_messages`; categories are the five tones or `error`, `info`, `message`. `_()`, `ngettext` and
`{% trans %}` return their text until a catalogue is installed; a literal percent sign in `_()` is written `%%`.

**Blocks** pages fill: storefront `hero`, `content`; back offices `title_badge`, `title_note`, `actions`, `tabs`, `content`,
`aside`; auth `heading`, `content`, `foot`; plain `code`, `content`; everywhere `title`, `meta`, `scripts`.

No template carries an inline script, style or handler: what moves is asked for by `data-` attributes of `galleria.js`.
"""
