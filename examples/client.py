#!/usr/bin/env python3
"""A whole m4sh client in one screen: logs in, joins a lesson, shows its cursor, draws a line and waits until it is saved.

    pip install websockets
    python3 examples/client.py --url http://127.0.0.1:8080 --email bohdan@demo.m4sh --password ...
"""

import argparse
import json
import urllib.request
import uuid

from websockets.sync.client import connect

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--url", default="http://127.0.0.1:8080", help="the server's address")
parser.add_argument("--email", required=True)
parser.add_argument("--password", required=True)
parser.add_argument("--classroom", help="id of a classroom (default: my first one)")
parser.add_argument("--session", help="id of a lesson (default: the first active one)")
parser.add_argument("--seconds", type=float, default=10, help="how long to wait for each answer")
args = parser.parse_args()


def rest(method: str, path: str, body: dict | None = None, token: str | None = None) -> dict:
    request = urllib.request.Request(args.url + "/api/v1" + path, method=method, data=json.dumps(body).encode() if body else None)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=args.seconds) as answer:
        return json.load(answer)


login = rest("POST", "/auth/login/", {"email": args.email, "password": args.password})
token = login["access"]
classroom = args.classroom or rest("GET", "/classrooms/", token=token)["results"][0]["id"]
lessons = rest("GET", f"/classrooms/{classroom}/sessions/", token=token)["results"]
session = args.session or next(lesson["id"] for lesson in lessons if lesson["status"] == "active")

address = f"{args.url.replace('http', 'ws', 1)}/ws/classroom/{classroom}/session/{session}/"
with connect(address, subprotocols=["m4sh.json", f"bearer.{token}"], max_size=None) as socket:  # never a token in the URL

    def say(**frame) -> None:
        socket.send(json.dumps(frame))

    def hear() -> dict:
        frame = json.loads(socket.recv(timeout=args.seconds))
        print(str(frame)[:160])
        return frame

    say(t="hello", client=str(uuid.uuid4()))  # a client that reconnects keeps this id and sends resume={epoch, rev}
    welcome = hear()
    assert welcome["t"] == "welcome", welcome

    say(t="cursor", x=400, y=300, tool="pen")
    stroke = {"id": f"stroke-{uuid.uuid4()}", "tool": "line", "color": "#3b5bdb", "size": 4, "points": [{"x": 400, "y": 300}, {"x": 900, "y": 500}]}
    batch = str(uuid.uuid4())  # sent again after a broken connection, the batch has no second effect
    say(t="ops", id=batch, ops=[{"op": "add", "kind": "stroke", "value": stroke}])

    rev = None
    saved = welcome["saved"]
    while rev is None or saved < rev:  # accepted: it has its place in the order. saved: it is in the database
        frame = hear()
        if frame["t"] == "accepted" and frame["id"] == batch:
            rev = frame["rev"]
        elif frame["t"] == "saved":
            saved = frame["rev"]
        elif frame["t"] in ("refused", "bye"):
            raise SystemExit(f"the server said no: {frame}")
    print(f"the line is revision {rev} of the board, and it is saved")
