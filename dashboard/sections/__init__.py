"""Parts of pages that are too long to stand in one: each draws itself where it is called."""
