"""The caches of the app: pages fetch everything here, and each thing is computed at most once.

`loading` has the keys of the caches and imports torch ahead of the first page; `pictures` holds the data sets,
`networks` codes and reconstructions, `files` what the browser downloads, `maps` the maps, `lists` the runs, curves and
posts, `measured` evaluations and answers to missions, `generated` new digits; `leaving` makes the files that are saved.
"""
