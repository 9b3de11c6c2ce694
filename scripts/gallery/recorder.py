"""A proxy between the bot and Discord's REST API that keeps what the bot sends, files and all."""

import email.parser
import email.policy
import http.client
import http.server
import json
import threading
import urllib.parse


class Recorder:
    """Serves on a free port of the loopback interface; `sent` has every request with a body, in order."""

    def __init__(self, api):
        target = urllib.parse.urlparse(api)
        self.sent, self.lock = [], threading.Lock()
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if body:
                    recorder.keep(self.command, self.path, self.headers.get("Content-Type", ""), body)
                connection = http.client.HTTPConnection(target.hostname, target.port)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request(self.command, target.path + self.path, body or None, headers)
                answer = connection.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = forward

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def keep(self, method, path, kind, body):
        value, files = None, {}
        if kind.startswith("multipart/"):
            message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
                b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
            for part in message.iter_parts():
                if part.get_filename():
                    files[part.get_filename()] = part.get_payload(decode=True)
                else:
                    value = json.loads(part.get_payload(decode=True))
        else:
            value = json.loads(body)
        with self.lock:
            self.sent.append({"method": method, "path": path, "body": value, "files": files})
