"""The outbox pattern: a refund and the wish to cancel are one transaction of your own database.

    python3 outbox.py refund ORDER AMOUNT   what your shop does when an order is refunded
    python3 outbox.py send                  hands over what waits, for ever; --once: until nothing waits

Kill either at any moment, and begin it again: no refund is lost, none is made twice. What is sent again
carries the same key. Only what can never be accepted (a 4xx) is set aside, for people.
"""
import http.client, json, os, sqlite3, sys, time, urllib.error, urllib.request

BASE = os.environ.get("SETTLECANCEL_URL", "http://127.0.0.1:8080")
db = sqlite3.connect(os.environ.get("SHOP_DB", "shop.db"), timeout=30)
db.execute("PRAGMA synchronous = FULL")  # what is committed survives the machine
db.executescript("""
CREATE TABLE IF NOT EXISTS refunds (order_no TEXT PRIMARY KEY, amount INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (key TEXT PRIMARY KEY, body TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', said TEXT);
""")


def refund(order, amount):
    body = {"idempotencyKey": f"refund-{order}-1", "mchtId": "nxca_jt_bi", "orgTrdNo": f"STFP_{order}", "orgMchtTrdNo": order,
            "orgTrdDt": "20231215", "canAmt": amount, "orgTrdAmt": 1000, "method": "CA"}
    with db:  # both or neither
        db.execute("INSERT INTO refunds VALUES (?, ?)", (order, amount))
        db.execute("INSERT INTO outbox (key, body) VALUES (?, ?)", (body["idempotencyKey"], json.dumps(body)))


def hand_over(body):
    """Returns the new state of a row, and what was said. An exception means: nobody knows, send it again."""
    headers = {"Content-Type": "application/json"}
    if os.environ.get("API_TOKEN"):
        headers["Authorization"] = "Bearer " + os.environ["API_TOKEN"]
    request = urllib.request.Request(BASE + "/v1/cancellations", body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return "accepted", json.load(answer)["status"]
    except urllib.error.HTTPError as refusal:
        if refusal.code in (401, 403, 408, 429) or refusal.code >= 500:
            raise  # not because of this refund: it waits
        return "refused", json.load(refusal)["detail"]


def send(once):
    pause = 1
    while True:
        waiting = db.execute("SELECT key, body FROM outbox WHERE state = 'waiting' ORDER BY rowid LIMIT 100").fetchall()
        try:
            for key, body in waiting:
                state, said = hand_over(body)
                with db:
                    db.execute("UPDATE outbox SET state = ?, said = ? WHERE key = ?", (state, said, key))
                print(key, state, said, flush=True)
                pause = 1
        except (OSError, ValueError, http.client.HTTPException) as trouble:
            print("again in", pause, "s:", trouble, file=sys.stderr, flush=True)
            time.sleep(pause)
            pause = min(2 * pause, 60)
            continue
        if not waiting:
            if once:
                return
            time.sleep(1)


if sys.argv[1] == "refund":
    refund(sys.argv[2], int(sys.argv[3]))
else:
    send("--once" in sys.argv)
