// A client in TypeScript, of types that were generated from /openapi.json. It does all that the API
// does, and ends with an error at the first answer that is not as typed.
import type { Batch, BatchRequest, Cancellation, CancellationRequest, Page, Problem, ResolveRequest, RetryRequest } from "./types";

declare const process: { env: Record<string, string | undefined>; exitCode: number };

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}

const url = setting("SETTLECANCEL_URL") + "/v1/cancellations";
const shop = { Authorization: "Bearer " + setting("API_TOKEN") };
const ops = { Authorization: "Basic " + btoa("kim:" + setting("OPS_PASSWORD")) };

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title + ": " + (problem.errors ?? []).map((f) => `${f.location} ${f.message}`).join("; "));
  }
}

async function call<T>(path: string, headers: Record<string, string>, body?: object): Promise<T> {
  const init: RequestInit = body === undefined
    ? { headers }
    : { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(url + path, init);
  if (!answer.ok) throw new Refused((await answer.json()) as Problem);
  return (await answer.json()) as T;
}

function want(what: string, got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Error(`${what}: got ${String(got)}, want ${String(wanted)}`);
}

function refund(key: string, canAmt: number): CancellationRequest {
  return { idempotencyKey: key, mchtId: "shop", orgTrdNo: "TRD-" + key, orgMchtTrdNo: "ORDER-" + key, orgTrdDt: "20231215",
    canAmt, orgTrdAmt: 1000, method: "CA" };
}

async function main(): Promise<void> {
  const created = await call<Cancellation>("", shop, refund("ts-1", 500));
  want("create", created.status, "queued");
  want("twice canAmt", (created.canAmt ?? 0) * 2, 1000);

  const many: BatchRequest = { items: [refund("ts-2", 300), refund("ts-3", 1001)] };
  const batch = await call<Batch>(":batch", shop, many);
  want("batch", `${batch.accepted} ${batch.refused}`, "1 1");
  want("fault", batch.items[1]?.problem?.errors?.[0]?.location, "body.items[1].canAmt");

  want("get", (await call<Cancellation>("/ts-2", shop)).orgMchtTrdNo, "ORDER-ts-2");

  let keys: string[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const page: Page = await call<Page>(`?status=queued&limit=1&cursor=${cursor}`, shop);
    keys = keys.concat(page.items.map((r) => r.idempotencyKey));
    cursor = page.nextCursor;
  }
  want("list", keys.sort().join(), "ts-1,ts-2");

  const why: RetryRequest = { note: "limit raised" };
  want("retry", (await call<Cancellation>("/at-rejected/retry", ops, why)).status, "queued");
  const word: ResolveRequest = { as: "refunded_elsewhere", note: "by transfer" };
  want("resolve", (await call<Cancellation>("/at-review/resolve", ops, word)).closed, true);

  const refused = await call<Cancellation>("", shop, refund("ts-1", 400)).catch((e: unknown) => e);
  want("other parameters", refused instanceof Refused ? refused.problem.status : refused, 422);
  console.log("all done");
}

main().catch((e: unknown) => {
  console.error(e);
  process.exitCode = 1;
});
