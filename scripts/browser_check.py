#!/usr/bin/env python3
"""Two pupils in real browser windows against a running server: they see each other's strokes, cursors and names.

Speaks the Chrome DevTools protocol to Chromium; needs only the PyPI package `websockets`. Exits with 1 on the first
thing that is not as promised, and leaves screenshots of both windows either way.

    scripts/browser_check.py --url http://127.0.0.1:8080 --restart-cmd 'scripts/server.sh crash target/check'
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64decode
from contextlib import ExitStack
from pathlib import Path

from websockets.sync.client import connect

# Quiet, and never another network; root has no sandbox of its own.
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --no-default-browser-check --disable-sync
    --disable-background-networking --disable-component-update --disable-default-apps --disable-dev-shm-usage
    --disable-background-timer-throttling --disable-backgrounding-occluded-windows --disable-renderer-backgrounding
    --window-size=1300,900 --remote-debugging-port=0 about:blank""".split()


class Failure(Exception):
    """Something is not as promised."""


class Browser:
    """One Chromium with a folder of its own, and one DevTools connection to it."""

    def __init__(self, program: str, folder: str, deadline: float):
        self.deadline, self.count, self.events, self.open = deadline, 0, [], ExitStack()
        self.process = subprocess.Popen(
            [program, f"--user-data-dir={folder}", *FLAGS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        port_file = Path(folder, "DevToolsActivePort")
        until = time.monotonic() + deadline
        while not (port_file.exists() and port_file.read_text().count("\n")):
            if self.process.poll() is not None or time.monotonic() > until:
                raise Failure(f"{program} did not start")
            time.sleep(0.05)
        port, path = port_file.read_text().split("\n")[:2]
        self.socket = self.open.enter_context(connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None))

    def call(self, method: str, session: str | None = None, **params):
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params, **({"sessionId": session} if session else {})}))
        while True:
            message = json.loads(self.socket.recv(timeout=self.deadline))
            if message.get("id") == self.count:
                if "error" in message:
                    raise Failure(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Window:
    """One pupil's window, with cookies and storage of its own."""

    def __init__(self, browser: Browser, name: str):
        self.browser, self.name = browser, name
        context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context, newWindow=True)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params):
        return self.browser.call(method, self.session, **params)

    def js(self, source: str):
        answer = self.call("Runtime.evaluate", expression=source, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failure(f"{self.name}: {source}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    def expect(self, what: str, source: str, deadline: float | None = None):
        """Waits until `source` is true in the window; says what is missing when it never is."""
        until = time.monotonic() + (deadline or self.browser.deadline)
        while not (value := self.js(source)):
            if time.monotonic() > until:
                seen = self.js("window.m4sh && ({line: m4sh.line, position: m4sh.position, notice: document.getElementById('notice').textContent})")
                raise Failure(f"{self.name}: {what}: not so ({source}); the page says {seen}")
            time.sleep(0.03)
        print(f"  ok  {self.name}: {what}", flush=True)
        return value

    def type_into(self, selector: str, text: str):
        self.js(f"(field => (field.focus(), field.select()))(document.querySelector({json.dumps(selector)}))")
        self.call("Input.insertText", text=text)

    def press(self, key: str):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **({"text": key} if kind == "keyDown" and len(key) == 1 else {}))

    def at(self, x: float, y: float) -> dict:
        """Where a point of the board is in the window."""
        box = self.js("(box => [box.left, box.top, box.width, box.height])(document.getElementById('wet').getBoundingClientRect())")
        return {"x": box[0] + x / 1600 * box[2], "y": box[1] + y / 900 * box[3]}

    def mouse(self, kind: str, x: float, y: float, down: bool = True):
        self.call("Input.dispatchMouseEvent", type=kind, **self.at(x, y), button="left" if down else "none", buttons=int(down), clickCount=1)

    def draw(self, *points: tuple[float, float]):
        self.mouse("mousePressed", *points[0])
        for point in points[1:]:
            self.mouse("mouseMoved", *point)
        self.mouse("mouseReleased", *points[-1])

    def touch(self, *points: tuple[float, float]):
        for kind, point in zip(["touchStart"] + ["touchMove"] * (len(points) - 1), points):
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[self.at(*point)])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def shot(self, folder: Path, name: str):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}-{self.name}.png").write_bytes(b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


STROKES = "m4sh.document.pages.flatMap(page => page.strokes ?? [])"


def has(stroke: str) -> str:
    return f"{STROKES}.some(one => one.id === {json.dumps(stroke)})"


def new_stroke(window: Window, what: str, act) -> str:
    """The id of the stroke that `act` makes."""
    known = json.dumps(window.js(f"{STROKES}.map(one => one.id)"))
    act()
    return window.expect(what, f"{STROKES}.map(one => one.id).find(id => !{known}.includes(id))")


def rest(url: str, method: str, path: str, body=None, token=None):
    request = urllib.request.Request(url + path, method=method, data=json.dumps(body).encode() if body else None)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=15) as answer:
        return json.load(answer)


def find_lesson(args) -> tuple[str, dict]:
    """The first pupil's token, and the lesson to meet in."""
    token = rest(args.url, "POST", "/api/v1/auth/login/", {"email": args.first, "password": args.password})["access"]
    for room in rest(args.url, "GET", "/api/v1/classrooms/", token=token)["results"]:
        for lesson in rest(args.url, "GET", f"/api/v1/classrooms/{room['id']}/sessions/", token=token)["results"]:
            if lesson["status"] == "active" and args.session in (None, lesson["id"]):
                return token, lesson | {"classroom_id": room["id"]}
    raise Failure(f"{args.first} has no active lesson")


def check(args, ann: Window, bob: Window):
    token, lesson = find_lesson(args)
    for window, email in ((ann, args.first), (bob, args.second)):
        window.call("Page.navigate", url=f"{args.url}/#email={email}&class={lesson['classroom_id']}&session={lesson['id']}")
        window.expect("the login form is filled from the address", f"document.querySelector('[name=email]')?.value === {json.dumps(email)}")
        window.type_into("[name=password]", args.password)
        window.js("document.getElementById('login').requestSubmit()")
        window.expect("is at the board", "window.m4sh?.online")

    me = {window: window.js("JSON.parse(sessionStorage.session).user.id") for window in (ann, bob)}
    for window, other in ((ann, bob), (bob, ann)):
        window.expect("sees the other's name", f"document.getElementById('roster').children.length >= 2 && m4sh.people.some(one => one.user === {json.dumps(me[other])})")

    zigzag = [(200 + 40 * i, 300 + 60 * (i % 2)) for i in range(20)]
    first = new_stroke(ann, "has drawn a stroke", lambda: ann.draw(*zigzag))
    bob.expect("sees the stroke", f"{STROKES}.some(one => one.id === {json.dumps(first)} && one.points.length >= 15)")
    ann.expect("is told that it is saved", "m4sh.line === 'saved' && document.getElementById('line').textContent === 'saved'")

    slope = [(300 + 50 * i, 600 - 20 * i) for i in range(12)]
    second = new_stroke(bob, "has drawn with a finger", lambda: bob.touch(*slope))
    ann.expect("sees that stroke too", has(second))

    for i in range(10):
        bob.mouse("mouseMoved", 700 + 20 * i, 200 + 10 * i, down=False)
        ann.mouse("mouseMoved", 900 - 20 * i, 700 - 10 * i, down=False)
        time.sleep(0.07)  # a cursor is told at most 16 times a second
    for window, other in ((ann, bob), (bob, ann)):
        window.expect("sees the other's cursor", f"m4sh.cursors.includes({json.dumps(me[other])}) && document.querySelectorAll('.cursor').length > 0")
        window.shot(args.out, "drawing")

    ann.js("document.getElementById('wet').focus()")
    keys = [" ", *["ArrowRight"] * 5, *["ArrowDown"] * 5, " "]
    third = new_stroke(ann, "has drawn with the keyboard", lambda: [ann.press(key) for key in keys])
    bob.expect("sees that one", has(third))

    bob.js("document.getElementById('eraser').click()")
    bob.draw((210, 250), (210, 330), (210, 420))
    ann.expect("sees a whole stroke erased", f"!{has(first)}")
    ann.js("document.getElementById('undo').click()")
    bob.expect("sees Ann take her last stroke back", f"!{has(third)}")
    bob.js("document.getElementById('pen').click()")

    kept = away(args, ann, bob)
    if args.restart_cmd:
        kept += restart(args, ann, bob)

    for window in (ann, bob):
        window.expect("has everything saved", "m4sh.online && m4sh.unsaved === 0 && m4sh.line === 'saved'")
        for stroke in kept:
            window.expect("has a kept stroke exactly once", f"{STROKES}.filter(one => one.id === {json.dumps(stroke)}).length === 1")
    truth = rest(args.url, "GET", f"/api/v1/solo/sessions/{lesson['board_id']}/", token=token)
    for window in (ann, bob):
        window.expect("has the server's revision", f"m4sh.position.rev === {truth['rev']}")
        if window.js("m4sh.document") != truth["state"]:
            raise Failure(f"{window.name}: the page's document is not the server's")
        window.shot(args.out, "end")
    print("  ok  both pages have the server's document", flush=True)


def offline_stroke(window: Window, y: float) -> str:
    """Draws while there is no connection; the page keeps the stroke and says so."""
    stroke = new_stroke(window, "draws on without a connection", lambda: window.draw((300, y), (800, y + 40), (1300, y)))
    window.expect("says what it keeps", "m4sh.line === `offline, ${m4sh.unsaved} kept` && m4sh.unsaved > 0")
    return stroke


def away(args, ann: Window, bob: Window) -> list[str]:
    """One pupil's network goes and comes back."""
    epoch = ann.js("m4sh.position.epoch")
    ann.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    ann.js("m4sh.drop()")
    ann.expect("notices that the network is gone", "!m4sh.online")
    bob.draw((300, 500), (1200, 520))
    stroke = offline_stroke(ann, 780)
    ann.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    ann.expect("comes back and resumes", f"m4sh.online && m4sh.position.epoch === {epoch}", 45)
    ann.expect("is saved again", "m4sh.line === 'saved'")
    bob.expect("sees the kept stroke", has(stroke))
    return [stroke]


def restart(args, ann: Window, bob: Window) -> list[str]:
    """The server goes away while a stroke is under way, and comes back."""
    epoch = ann.js("m4sh.position.epoch")
    under_way = new_stroke(ann, "draws while the server goes", lambda: ann.draw((300, 100), (1300, 130)))
    command = subprocess.Popen(args.restart_cmd, shell=True)
    bob.expect("notices that the server is gone", "!m4sh.online", 60)
    if command.wait(120) != 0:
        raise Failure(f"{args.restart_cmd}: exit {command.returncode}")
    for window in (ann, bob):
        window.expect("is back with the new owner of the board", f"m4sh.online && m4sh.position.epoch > {epoch}", 60)
    return [under_way]


def complaints(browser: Browser, url: str) -> list[str]:
    """Errors in the pages, and requests that left the server's origin."""
    found = []
    for event in browser.events:
        if event.get("method") == "Runtime.exceptionThrown":
            detail = event["params"]["exceptionDetails"]
            found.append(f"error in the page: {detail.get('exception', {}).get('description', detail['text'])}")
        if event.get("method") == "Network.requestWillBeSent":
            asked = event["params"]["request"]["url"]
            if not asked.startswith((url, "data:", "about:")):
                found.append(f"request to another place: {asked}")
        if event.get("method") == "Network.webSocketCreated" and "?" in event["params"]["url"]:
            found.append(f"a socket's address has a query: {event['params']['url']}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--first", default="bohdan@demo.m4sh", help="a pupil's e-mail")
    parser.add_argument("--second", default="clara@demo.m4sh", help="another pupil of the same class")
    parser.add_argument("--password", default=os.environ.get("M4SH_DEMO_PASSWORD", "demo-class"), help="of both")
    parser.add_argument("--session", help="id of the lesson to meet in (default: the first active one)")
    parser.add_argument("--restart-cmd", help="a shell command that restarts the server at the same address and returns when it is up")
    parser.add_argument("--out", type=Path, default=Path("target/browser"), help="where screenshots go")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome") or "chromium")
    parser.add_argument("--deadline", type=float, default=20, help="seconds to wait for each thing")
    args = parser.parse_args()
    args.url = args.url.rstrip("/")
    if not shutil.which(args.chromium):
        print("Chromium is missing: apt-get install chromium", file=sys.stderr)
        return 2

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        windows, browser = [], None
        try:
            browser = Browser(args.chromium, folder, args.deadline)
            windows = [Window(browser, "first"), Window(browser, "second")]
            check(args, *windows)
            if found := complaints(browser, args.url):
                raise Failure("; ".join(found))
        except Exception as error:  # whatever it is: say it, show the windows, fail
            print(f"FAIL  {type(error).__name__}: {error}", flush=True)
            for window in windows:
                try:
                    window.shot(args.out, "failed")
                except Exception as second:
                    print(f"      no screenshot of {window.name}: {second}")
            return 1
        finally:
            if browser:
                browser.close()
    print(f"browser check passed; screenshots in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
