"""Who the visitor is: an account if a login is configured, otherwise a recognised browser."""
