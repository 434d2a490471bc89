"""Data sets, photographs and ink, and what reconstructions are compared with. Knows no network."""
