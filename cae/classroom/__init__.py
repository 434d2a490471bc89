"""For teaching: missions, the worksheet, the wall of a class."""
