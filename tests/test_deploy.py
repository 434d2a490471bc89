"""The examples in deploy/: what they name exists, and nginx before two replicas does what docs/server.md says of it."""

import base64
import hashlib
import importlib.util
import re
import shutil
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit
from helpers import PROJECT
from playwright.sync_api import expect
from proxies import Proxy
from streamlit import config
from streamlit.web.server.starlette import starlette_routes as routes
from visitors import PATIENCE, Server, Visitor

DEPLOY = PROJECT / "deploy"
PAGE = (PROJECT / "docs" / "server.md").read_text(encoding="utf-8")
README = (PROJECT / "README.md").read_text(encoding="utf-8")
CODE = [*(PROJECT / "cae").rglob("*.py"), *(PROJECT / "dashboard").rglob("*.py"), PROJECT / "start.py"]


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def options_of_streamlit() -> dict[str, str]:
    """Every option by the environment variable that sets it."""
    names = config.get_config_options()
    return {"STREAMLIT_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace(".", "_")).upper(): name for name in names}


# -- what the examples name


def test_what_the_proxy_keeps_and_hides_are_addresses_of_streamlit():
    root, below = text_of("nginx/root.conf"), text_of("nginx/subpath.conf")
    kept = re.search(r"location ~ \^/(\S+) \{\n.*\n.*proxy_cache laboratory;", root)[1]
    hidden = re.search(r"location ~ \^/(\S+) \{.*\n +return 404;", root)[1]
    for path in (routes.BASE_ROUTE_STATIC, routes.BASE_ROUTE_APP_STATIC):
        assert re.match(kept, f"{path}/a.js") and not re.match(hidden, path)
    for path in ("media/a.png", f"{routes.BASE_ROUTE_UPLOAD_FILE}/a", routes.ROUTE_HEALTH, "_stcore/stream"):
        assert not re.match(kept, path) and not re.match(hidden, path)
    assert re.match(hidden, routes.ROUTE_METRICS) and re.match(hidden, "_stcore/agent/interact")
    assert [f"^/laboratory/{part}" for part in (kept, hidden)] == re.findall(r"location ~ (\S+)", below)


def test_the_proxy_lets_through_what_the_dashboard_takes():
    taken = tomllib.loads((PROJECT / "dashboard/.streamlit/config.toml").read_text())["server"]["maxUploadSize"]
    assert int(re.search(r"client_max_body_size (\d+)m;", text_of("nginx/secure.conf"))[1]) == taken + 1


def test_the_policy_allows_the_one_script_in_streamlits_page():
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in text_of("nginx/secure.conf")


def test_every_file_that_the_proxy_includes_is_one_of_the_examples():
    for path in (DEPLOY / "nginx").glob("*.conf"):
        for name in re.findall(r"include /etc/nginx/laboratory/(\S+);", path.read_text()):
            assert (DEPLOY / "nginx" / name).is_file()
        places = re.findall(r"^ +location [^{]*\{([^}]*)\}", path.read_text(), re.MULTILINE)
        assert not any("add_header" in place for place in places), "it would lose the server's headers"


def test_the_ports_of_the_replicas_are_those_that_the_proxy_asks():
    asked = set(re.findall(r"server 127\.0\.0\.1:(\d+)", text_of("nginx/http.conf")))
    assert set(re.findall(r'"127\.0\.0\.1:(\d+):8501"', text_of("compose.yaml"))) == asked == {"8501", "8502"}


def test_the_image_runs_without_privileges_and_writes_into_two_volumes_only():
    file, compose = text_of("Containerfile"), text_of("compose.yaml")
    volumes = re.findall(r'"(/[a-z]+)"', re.search(r"^VOLUME (.*)$", file, re.MULTILINE)[1])
    places = dict(re.findall(r"(CAE_[A-Z]+)=(\S+)", file))
    assert set(places) == {"CAE_CHECKPOINTS", "CAE_DATA", "CAE_CACHE"} and len(volumes) == 2
    assert all(
        any(place == volume or place.startswith(f"{volume}/") for volume in volumes) for place in places.values()
    )
    assert re.search(r"^USER (?!root)", file, re.MULTILINE) and file.index("USER ") > file.rindex("RUN ")
    assert f"ln -s {places['CAE_CACHE']}/static dashboard/static" in file
    assert "read_only: true" in compose and all(f":{volume}\n" in compose for volume in volumes)
    assert not re.search(r"(?:[a-z0-9-]+\.)+(?:io|com|org|dev)/", file), "no registry is named"


def test_the_image_holds_everything_that_the_code_reads():
    allowed = {
        line[1:].split("/")[0] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    read = {name for path in CODE for name in re.findall(r'PROJECT / "(\w+)"', path.read_text(encoding="utf-8"))}
    assert {"cae", "dashboard", "checkpoints", "data", "requirements.txt"} <= allowed
    assert not {name for name in read if (PROJECT / name).exists()} - allowed - {"start"}
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        assert line[:1] != "!" or "*" in line or (PROJECT / line[1:]).exists(), f"there is no {line[1:]}"


def test_every_option_of_streamlit_that_is_named_exists():
    known = options_of_streamlit()
    said = "\n".join([README, PAGE, *(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())])
    assert not set(re.findall(r"\bSTREAMLIT_[A-Z_]+[A-Z]", said)) - set(known)
    assert not set(re.findall(r"--((?:server|browser|logger)\.\w+)", said)) - set(known.values())


def test_the_example_of_a_login_holds_what_streamlit_asks_for_and_no_secret():
    login = tomllib.loads(text_of("secrets.example.toml"))["auth"]
    assert set(login) == {"redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"}
    assert login["redirect_uri"].endswith("/oauth2callback")
    assert all(login[name].startswith("<") for name in ("cookie_secret", "client_id", "client_secret"))


def test_the_health_check_says_whether_the_dashboard_answers(monkeypatch):
    check = importlib.util.spec_from_file_location("healthy", DEPLOY / "healthy.py")
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", "9")
    with pytest.raises(SystemExit) as ending:
        check.loader.exec_module(importlib.util.module_from_spec(check))
    assert ending.value.code == 1


# -- the settings


def test_every_setting_in_the_code_is_in_the_table_and_every_one_there_in_the_code():
    section = PAGE.split("## Settings")[1].split("\n## ")[0]
    table = {
        name for row in re.findall(r"^\| (.*?) \|", section, re.MULTILINE) for name in re.findall(r"CAE_[A-Z_]+", row)
    }
    used = {name for path in CODE for name in re.findall(r"\bCAE_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8"))}
    assert used == table
    of_streamlit = set(re.findall(r"^\| `(STREAMLIT_[A-Z_]+)", section, re.MULTILINE))
    assert len(of_streamlit) > 3 and of_streamlit <= set(options_of_streamlit())


# -- tried


@pytest.fixture(scope="module")
def lab(tmp_path_factory, trained_folder, small_data_folder):
    """Two replicas on the same folders, and nginx before them."""
    if not (shutil.which("nginx") or Path("/usr/sbin/nginx").exists()) or not shutil.which("openssl"):
        pytest.skip("there is no nginx, or no openssl, to try the example with: the rest of this file has checked it")
    folder = tmp_path_factory.mktemp("replicas")
    shutil.copytree(trained_folder, folder / "checkpoints")
    settings = {"CAE_DATA": str(small_data_folder), "STREAMLIT_SERVER_COOKIE_SECRET": "the same for both"}
    replicas = []
    try:
        with ThreadPoolExecutor() as both:
            replicas += both.map(lambda _: Server(folder, **settings), range(2))
        proxy = Proxy(folder / "nginx", replicas)
        yield proxy
        proxy.stop()
    finally:
        for replica in replicas:
            replica.stop()


@pytest.mark.slow
def test_answers_come_over_tls_small_with_headers_and_one_cookie(lab):
    status, headers, page = lab.fetch("/")
    assert status == 200 and re.match(r"laboratory=[0-9a-f]{32};.*HttpOnly; Secure", headers["Set-Cookie"])
    assert {"Strict-Transport-Security", "Content-Security-Policy", "Referrer-Policy"} <= set(headers)
    cookie = headers["Set-Cookie"].split(";")[0]
    assert lab.fetch("/train", Cookie=cookie)[1]["Set-Cookie"] is None
    script = re.search(rb'src="\./(static/js/index[^"]+)"', page)[1].decode()
    whole = lab.fetch(f"/{script}")[2]
    _, headers, packed = lab.fetch(f"/{script}", Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip" and len(packed) < len(whole) / 2 and headers["Set-Cookie"] is None
    assert lab.fetch("/_stcore/metrics")[0] == 404 and lab.fetch("/_stcore/agent/openapi.json")[0] == 404
    assert lab.fetch("/_stcore/health")[2] == b"ok"


def test_an_upload_that_is_too_large_is_refused_at_the_door(lab):
    assert lab.fetch("/_stcore/upload_file/a/b", bytes(66 * 2**20), "PUT")[0] == 413


def test_who_comes_with_a_cookie_comes_to_the_same_replica_and_not_all_to_one(lab):
    def replica(number: int) -> str:
        return lab.fetch("/_stcore/health", Cookie=f"laboratory={number:032x}")[1]["X-Replica"]

    first = [replica(number) for number in range(12)]
    assert first == [replica(number) for number in range(12)] and len(set(first)) == 2


def test_no_request_meets_the_end_of_an_idle_connection(lab):
    assert [lab.fetch("/_stcore/health")[1]["X-Connection"] for _ in range(3)] == ["close"] * 3


def test_a_page_behind_the_proxy_draws_takes_a_picture_and_shows_the_training_of_the_other_replica(lab, chromium):
    import io

    from PIL import Image, ImageDraw

    cookies: dict[str, str] = {}
    for number in range(40):
        found = lab.fetch("/_stcore/health", Cookie=f"laboratory={number:032x}")[1]["X-Replica"]
        cookies.setdefault(found, f"{number:032x}")
    visitors = []
    for cookie in cookies.values():
        context = chromium.new_context(viewport={"width": 1400, "height": 900}, ignore_https_errors=True)
        context.add_cookies([{"name": "laboratory", "value": cookie, "url": lab.url}])
        visitors.append(Visitor(context, lab))
    one, other = visitors

    page = one.opens("/draw?run=tiny")
    box = page.get_by_role("img", name="Drawing area").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 110, box["y"] + 250, steps=5)
    page.mouse.up()
    answer = page.get_by_role("status", name="Recognised digit", exact=True)
    expect(answer).to_have_text(re.compile(r"\d"), timeout=PATIENCE)
    paper, packed = Image.new("L", (200, 200), 255), io.BytesIO()
    ImageDraw.Draw(paper).line([(50, 40), (150, 40), (90, 160)], fill=0, width=18)
    paper.save(packed, "PNG")
    picture = {"name": "seven.png", "mimeType": "image/png", "buffer": packed.getvalue()}
    page.locator("input[type=file]").set_input_files(picture)
    answer = page.get_by_role("status", name="Recognised digit in the picture")
    expect(answer).to_have_text(re.compile(r"\d"), timeout=PATIENCE)
    one.is_content()

    page = one.opens("/train")
    page.get_by_role("textbox", name="Run name").fill("shared")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("button", name="Look at shared")).to_be_visible(timeout=PATIENCE)
    page = other.opens("/train?run=shared")
    expect(page.get_by_role("button", name="Look at shared")).to_be_visible(timeout=PATIENCE)
    one.is_content()
    other.is_content()
    for visitor in visitors:
        visitor.page.context.close()
