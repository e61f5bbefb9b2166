"""Receives webhooks: WEBHOOK_SECRET=whsec_... python3 receiver.py PORT

It checks the signature, does nothing about an event that it has seen, and answers before any long work.
"""
import base64, hashlib, hmac, json, os, sqlite3, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
db = sqlite3.connect(os.environ.get("EVENTS_DB", ":memory:"))
db.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, body TEXT NOT NULL)")


def genuine(headers, body):
    """Reports whether the signature is ours, and no older than five minutes."""
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > 300:
        return False
    want = "v1," + base64.b64encode(hmac.digest(SECRET, f"{name}.{at}.".encode() + body, hashlib.sha256)).decode()
    return any(hmac.compare_digest(want, given) for given in headers.get("webhook-signature", "").split(" "))


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not genuine(self.headers, body):
            self.send_response(401)
            self.end_headers()
            return
        with db:  # once it is kept, it may be answered; what is told again is kept already
            new = db.execute("INSERT OR IGNORE INTO events VALUES (?, ?)", (self.headers["webhook-id"], body.decode())).rowcount
        self.send_response(204)
        self.end_headers()
        if new:
            data = json.loads(body)["data"]
            print(data["idempotencyKey"], data["status"], flush=True)

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print("listening on port", server.server_port, flush=True)
server.serve_forever()
