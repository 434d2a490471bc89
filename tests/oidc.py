"""A provider of OpenID Connect with one account, for the test of the login."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit


class Provider:
    """Lets everybody in as Ada, at `url`; as long as the block lasts."""

    def __init__(self):
        from joserfc.jwk import RSAKey

        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.codes: dict[str, dict] = {}
        self.claims = {"sub": "7", "name": "Ada <b>L</b>", "email": "ada@example.org"}

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def secrets(self) -> str:
        """What `secrets.toml` says of it; Streamlit puts its own port in."""
        values = {
            "redirect_uri": "http://127.0.0.1:{port}/oauth2callback", "cookie_secret": secrets.token_hex(16),
            "client_id": "lab", "client_secret": "lab", "server_metadata_url": f"{self.url}/metadata",
        }  # fmt: skip
        return "\n".join(["[auth]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())])

    def metadata(self, _: dict) -> dict:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        return {
            "issuer": self.url, **{name: f"{self.url}/{path}" for name, path in places.items()},
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip

    def jwks(self, _: dict) -> dict:
        return {"keys": [self.key.as_dict(private=False)]}

    def authorize(self, asked: dict) -> str:
        """Where the browser is sent back to, with a code for this one login."""
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: dict) -> dict:
        from joserfc import jwt

        asked = self.codes.pop(given["code"])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=")
        assert challenge.decode() == asked["code_challenge"]
        now = int(time.time())
        claims = {**self.claims, "iss": self.url, "aud": "lab", "iat": now, "exp": now + 600, "nonce": asked["nonce"]}
        return {
            "access_token": secrets.token_hex(8), "token_type": "Bearer", "expires_in": 600,
            "id_token": jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key),
        }  # fmt: skip

    def _handler(provider):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                address = urlsplit(self.path)
                self.answer(address.path, {name: values[0] for name, values in parse_qs(address.query).items()})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.answer(self.path, {name: values[0] for name, values in parse_qs(body).items()})

            def answer(self, path: str, given: dict):
                ways = {"/metadata": provider.metadata, "/jwks": provider.jwks, "/token": provider.token}
                if path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(given))
                    self.end_headers()
                    return
                content = json.dumps(ways[path](given)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        return Handler
