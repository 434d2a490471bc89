"""What comes from elsewhere: pictures, runs and weights. Nothing here unpickles."""
