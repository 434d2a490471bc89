"""Arrays in; pictures, charts and drawings out. Pure functions; the only package that knows Plotly."""
