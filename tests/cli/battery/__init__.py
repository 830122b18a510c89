"""Bad values for every option and argument of every command of `rcd`, drawn from a seed.

A call is refused (exit code 2 and a sentence), or it comes as far as its work, which is not done here. It never ends in
a traceback, never overwrites a file, and never begins its work with a value that can only be wrong.

The commands are found by walking the tree of `rcd`, so a new one is tried as soon as it is there. `tables.py` says what
cannot be seen in the tree: which paths are written, and a call of each command that is right but for one value.
"""
