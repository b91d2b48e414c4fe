"""Reads pages."""

from __future__ import annotations

import re


def links_of(page: str) -> list[str]:
    """The pages that a page leads to, in order."""
    return re.findall(r'<a href="/([^"]*)">', page)
