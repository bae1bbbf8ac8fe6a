"""Takes secrets out of text that is about to be written down: logs, crash reports, error messages."""

from __future__ import annotations

import re

_RULES = (
    (re.compile(r"-----BEGIN [^-]{1,60}-----.*?(?:-----END [^-]{1,60}-----|\Z)", re.DOTALL), "(credentials)"),
    (re.compile(r"(?i)(\w{1,16}://)[^\s/@'\"]+@"), r"\1***@"),
    (re.compile(r"\bS[UAOCNX][A-Z2-7]{54,}\b"), "(seed)"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?"), "(token)"),
    (re.compile(r"\bwd_[A-Za-z0-9]+_[A-Za-z0-9_-]{8,}"), "(token)"),
    (re.compile(r"(?i)\b(authorization\s*[:=]\s*(?:bearer|basic)?\s*)[^\s,'\"]+"), r"\1***"),
    (re.compile(r"(?i)\b((?:password|passwd|pass|auth_token|token|secret|jwt|sig)[\"']?\s*[:=]\s*)"
                r"(\"[^\"]*\"|'[^']*'|[^\s,;)}\]]+)"), r"\1***"),
)  # fmt: skip


def scrub(text: str) -> str:
    """The text without userinfo of URLs, creds blocks, seeds, tokens and what follows `password=` and the like."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text
