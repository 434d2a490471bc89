"""Files for the browser, and the parts of pages that refresh by themselves."""
