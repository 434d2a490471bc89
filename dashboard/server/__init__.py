"""Files for the browser, and parts of pages that refresh themselves."""
