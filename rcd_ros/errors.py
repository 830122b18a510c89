"""The one exception that means "the input was wrong", as opposed to "the program is wrong"."""

from __future__ import annotations


class RcdError(Exception):
    """Something from outside (file, argument, message, checkpoint) cannot be used.

    Its text is one sentence for a person: what was wrong, with which value, and what to do.
    The command line prints it without a traceback and exits with code 2; nodes log it once.
    """
