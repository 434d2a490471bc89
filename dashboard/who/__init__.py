"""Who is looking: an account where a login is configured, a browser that is known again otherwise."""
