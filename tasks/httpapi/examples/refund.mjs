// Hands one cancellation over: node refund.mjs KEY ORDER AMOUNT
// A refund that fails for the moment is sent again with the same key, which makes that safe.
const base = process.env.SETTLECANCEL_URL ?? "http://127.0.0.1:8080";
const [key, order, amount] = process.argv.slice(2);

const refund = {
  mchtId: "nxca_jt_bi", orgTrdNo: `STFP_${order}`, orgMchtTrdNo: order, orgTrdDt: "20231215",
  canAmt: Number(amount), orgTrdAmt: 1000, method: "CA",
};
const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
if (process.env.API_TOKEN) headers.Authorization = `Bearer ${process.env.API_TOKEN}`;

for (let pause = 1; ; pause = Math.min(2 * pause, 60)) {
  try {
    const answer = await fetch(`${base}/v1/cancellations`, {
      method: "POST", headers, body: JSON.stringify(refund), signal: AbortSignal.timeout(15_000),
    });
    const body = await answer.json();
    if (answer.status === 202) {
      console.log(key, body.status);
      break;
    }
    if (answer.status < 500 && answer.status !== 429 && answer.status !== 408) {
      console.error(`${key} is refused: ${body.detail}`); // to send it again would not help
      process.exit(1);
    }
  } catch (error) {
    console.error(`${key}: ${error.message}; again in ${pause} s`); // nobody knows whether it was accepted
  }
  await new Promise((done) => setTimeout(done, pause * 1000));
}
