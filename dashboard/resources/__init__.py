"""Every cache of the app. What the pages show is fetched here, and computed at most once.

`loading` says what stands for a run in a cache, and loads torch ahead of the first page; `pictures` holds the data
sets, `networks` what a network makes of them, `files` what the browser asks for, `maps` the maps, `lists` the runs,
curves and posts; `measured` has judgements and answers, `generated` new digits, and `leaving` makes what is saved.
"""
