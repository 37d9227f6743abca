"""Domains that no company can call its own: anybody may have an address there."""

from __future__ import annotations

LISTED = """
    126.com 163.com aim.com alice.it aol.com att.net bigpond.com bk.ru bluewin.ch bol.com.br btinternet.com comcast.net
    cox.net daum.net email.com fastmail.com fastmail.fm forthnet.gr free.fr freemail.hu freenet.de gmail.com gmx.at
    gmx.ch gmx.com gmx.de gmx.net googlemail.com hanmail.net hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.es
    hotmail.fr hotmail.gr hotmail.it hushmail.com icloud.com inbox.lv inbox.ru interia.pl laposte.net libero.it list.ru
    live.co.uk live.com live.de live.fr live.nl mac.com mail.com mail.de mail.ru mailbox.org me.com msn.com naver.com
    o2.pl onet.pl orange.fr otenet.gr outlook.com outlook.com.gr outlook.de outlook.es outlook.fr pm.me posteo.de
    proton.me protonmail.ch protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com sapo.pt seznam.cz sfr.fr
    shaw.ca sina.com sky.com t-online.de telenet.be terra.com.br tin.it tiscali.it tuta.com tutanota.com ukr.net uol.com.br
    verizon.net virgilio.it wanadoo.fr web.de wp.pl ya.ru yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com
    yahoo.com.au yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.gr yahoo.it yandex.com yandex.ru ymail.com ziggo.nl
    zoho.com zohomail.com
"""
MAILBOXES = frozenset(LISTED.split())


def is_public_mailbox(domain: str) -> bool:
    """Whether a domain is of a provider of mailboxes, also below one of its names."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in MAILBOXES for start in range(len(labels)))
