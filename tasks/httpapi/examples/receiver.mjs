// Receives webhooks: WEBHOOK_SECRET=whsec_... node receiver.mjs PORT
// It checks the signature, does nothing about an event that it has seen, and answers before any long work.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const seen = new Set(); // a real one keeps the ids in its database, in the transaction that acts on the event

// genuine reports whether the signature is ours, and no older than five minutes.
function genuine(headers, body) {
  const id = headers["webhook-id"], at = headers["webhook-timestamp"];
  if (!id || !(Math.abs(Date.now() / 1000 - Number(at)) <= 300)) return false;
  const want = Buffer.from("v1," + createHmac("sha256", secret).update(`${id}.${at}.`).update(body).digest("base64"));
  return (headers["webhook-signature"] ?? "").split(" ").some((given) => {
    const bytes = Buffer.from(given);
    return bytes.length === want.length && timingSafeEqual(bytes, want);
  });
}

const server = createServer(async (request, answer) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  if (request.method !== "POST" || !genuine(request.headers, body)) {
    answer.writeHead(401).end();
    return;
  }
  const isNew = !seen.has(request.headers["webhook-id"]);
  seen.add(request.headers["webhook-id"]);
  answer.writeHead(204).end();
  if (isNew) {
    const { data } = JSON.parse(body);
    console.log(data.idempotencyKey, data.status);
  }
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening on port", server.address().port));
