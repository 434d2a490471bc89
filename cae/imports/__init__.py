"""Pictures, runs and weights from elsewhere. Nothing here unpickles."""
