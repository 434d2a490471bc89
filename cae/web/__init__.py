"""The browser half: scripts that compute and show what follows the hand, and what makes one script of each widget."""
