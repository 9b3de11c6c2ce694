"""The simulator's control API (docs/simulator.md)."""

import http.client
import json
import threading
import urllib.parse


class ControlError(Exception):
    """An order that the simulator did not carry out."""


class Discord:
    def __init__(self, port):
        self.port = port
        self.api_url = f"http://127.0.0.1:{port}/api/v10"
        self.connections = threading.local()

    def get(self, path, **query):
        return self.request("GET", path, query)

    def post(self, path, body, **query):
        return self.request("POST", path, query, json.dumps(body).encode())

    def delete(self, path):
        return self.request("DELETE", path, {})

    def dispatch(self, name, guild, data):
        """Sends an event to the guild's session; false if there is no session to send it to."""
        body = json.dumps(data, ensure_ascii=False).encode()
        return self.request("POST", "/dispatch", {"t": name, "guild": guild}, body)["sessions"] > 0

    def fault(self, **order):
        return self.post("/faults", order)

    def request(self, method, path, query, body=None):
        connection = getattr(self.connections, "one", None)
        if connection is None:
            connection = self.connections.one = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        target = "/simulator" + path + ("?" + urllib.parse.urlencode(query) if query else "")
        connection.request(method, target, body)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise ControlError(f"{method} {target}: {answer.status} {content.decode()}")
        return json.loads(content)
