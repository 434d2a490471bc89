"""The memory of a session, behind typed functions.

`chosen` holds the run and the epoch that the pages show, `people` who the visitor is; `steering` and `made` hold what
the visitor steers, draws and picks, `pages` the choices of the other pages, `forms` their fields, `missions` the
worksheet; `messages` shows and asks what outlives a rerun.
"""
