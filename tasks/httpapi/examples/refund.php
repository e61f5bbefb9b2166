<?php
// Hands one cancellation over: php refund.php KEY ORDER AMOUNT
// A refund that fails for the moment is sent again with the same key, which makes that safe.
[, $key, $order, $amount] = $argv;
$base = getenv('SETTLECANCEL_URL') ?: 'http://127.0.0.1:8080';

$refund = [
    'mchtId' => 'nxca_jt_bi', 'orgTrdNo' => "STFP_$order", 'orgMchtTrdNo' => $order, 'orgTrdDt' => '20231215',
    'canAmt' => (int) $amount, 'orgTrdAmt' => 1000, 'method' => 'CA',
];
$headers = ['Content-Type: application/json', "Idempotency-Key: $key"];
if (getenv('API_TOKEN')) {
    $headers[] = 'Authorization: Bearer ' . getenv('API_TOKEN');
}
$request = stream_context_create(['http' => [
    'method' => 'POST', 'header' => $headers, 'content' => json_encode($refund), 'timeout' => 15, 'ignore_errors' => true,
]]);

for ($pause = 1; ; $pause = min(2 * $pause, 60)) {
    $http_response_header = [];
    $body = json_decode((string) @file_get_contents("$base/v1/cancellations", false, $request), true);
    $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0); // 0: nobody knows whether it was accepted
    if ($status === 202) {
        echo "$key {$body['status']}\n";
        exit(0);
    }
    if ($status >= 400 && $status < 500 && $status !== 429 && $status !== 408) {
        fwrite(STDERR, "$key is refused: {$body['detail']}\n"); // to send it again would not help
        exit(1);
    }
    sleep($pause);
}
