"""Ends with 0 where the dashboard of this container answers, with 1 where it does not."""

import os
import sys
import urllib.request

port = os.environ.get("STREAMLIT_SERVER_PORT", "8501")
below = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
address = "/".join(filter(None, [f"http://127.0.0.1:{port}", below, "_stcore/health"]))
try:
    with urllib.request.urlopen(address, timeout=4) as answer:  # noqa: S310 - our own server
        sys.exit(answer.status != 200)
except OSError:
    sys.exit(1)
