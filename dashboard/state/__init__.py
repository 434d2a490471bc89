"""Everything that the session remembers, behind functions that say what it is.

`chosen` knows the run and the epoch that the pages show, `people` who is looking; `steering` and `made` hold what a
visitor steers, draws and picks, `pages` the choices of the other pages, `forms` their fields, `missions` the worksheet;
`messages` says and asks what outlives a rerun.
"""
