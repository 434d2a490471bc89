"""nginx with the files of deploy/nginx, changed only in addresses and places, before replicas of the dashboard."""

import os
import re
import shutil
import ssl
import subprocess
import urllib.request

from helpers import PROJECT, wait_until
from visitors import free_port

CONFIGURATION = PROJECT / "deploy" / "nginx"
AROUND = """
{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types; default_type application/octet-stream; access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/http.conf; include {folder}/{site};
}}
"""


class Proxy:
    """nginx over TLS, with a certificate of its own that nobody signed; `site` is one of the two examples."""

    def __init__(self, folder, replicas, site="root.conf"):
        self.port, self.folder = free_port(), folder
        self.url = f"https://127.0.0.1:{self.port}"
        folder.mkdir()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-keyout", "privkey.pem", "-out", "fullchain.pem"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        changes = [
            (r"/etc/nginx/laboratory|/etc/ssl/laboratory", str(folder)),
            (r"/var/cache/nginx/laboratory", f"{folder}/cache"),
            (r" *listen \[::\].*\n", ""),
            (r"listen 443 ", f"listen 127.0.0.1:{self.port} "),
            (r"listen 80;", f"listen 127.0.0.1:{free_port()};"),
            (r"server 127\.0\.0\.1:8501", f"server 127.0.0.1:{replicas[0].port}"),
            (r"server 127\.0\.0\.1:8502", f"server 127.0.0.1:{replicas[1].port}"),
        ]
        for path in CONFIGURATION.glob("*.conf"):
            text = path.read_text(encoding="utf-8")
            for pattern, replacement in changes:
                text = re.sub(pattern, replacement, text)
            if path.name == "secure.conf":
                # for the tests, to see who has answered, and on what connection
                text += "add_header X-Replica $upstream_addr always;\n"
                text += "add_header X-Connection $upstream_http_connection always;\n"
            (folder / path.name).write_text(text, encoding="utf-8")
        user = "" if os.geteuid() else "user root;\n"  # who may read the folders of the tests
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, site=site, user=user), encoding="utf-8")
        command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
        tried = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or self.is_up(), "nginx answers")

    def is_up(self) -> bool:
        try:
            return self.fetch("/_stcore/metrics")[0] == 404
        except OSError:
            return False

    def fetch(self, path: str, data: bytes | None = None, method: str = "GET", **headers: str):
        """Status, headers and body of what is answered, whatever the status."""
        trusting = ssl._create_unverified_context()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data, named, method=method)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusting), Answered())
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Answered(urllib.request.HTTPErrorProcessor):
    """Takes a refusal, or a way elsewhere, for an answer."""

    def http_response(self, request, response):
        return response

    https_response = http_response
