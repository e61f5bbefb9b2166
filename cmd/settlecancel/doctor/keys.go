package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
)

// keys checks the keys of each merchant as far as that is possible without SettleBank.
func (x *examiner) keys(ctx context.Context, s *sheet) {
	var public, own []string
	for _, m := range x.Settings.Merchants {
		if text := m.HashKey.Reveal() + m.AESKey.Reveal(); strings.ContainsAny(text, " \t\r\n") {
			s.danger("take the white space away: it often comes with copying, or at the end of a file", "merchant %s: a key holds white space", m.ID)
		}
		if n := len(m.AESKey.Reveal()); m.AESKey.IsSet() && n != settlebank.AESKeyLen || !m.AESKey.IsSet() && m.Protocol == gateway.Protocol0A19 {
			s.danger("take the AES key that SettleBank gave", "merchant %s: its AES key has %d bytes, not %d", m.ID, n, settlebank.AESKeyLen)
		}
		switch publicHash, publicAES := m.HashKey.Reveal() == settlebank.TestbedHashKey, m.AESKey.Reveal() == settlebank.TestbedAESKey; {
		case (publicHash || publicAES) && x.Settings.Production:
			s.danger("take the keys that SettleBank gave for production", "merchant %s: has the testbed's public keys", m.ID)
		case publicHash && publicAES:
			public = append(public, m.ID)
		default:
			own = append(own, m.ID)
		}
	}
	if len(own) > 0 {
		s.ok("%s %s: keys of their own, which only SettleBank can prove", plurals(len(own), "merchant"), strings.Join(own, ", "))
	}
	if len(public) == 0 {
		return
	}
	if err := proveVectors(ctx); err != nil {
		s.danger("do not let this program send anything: it was built or changed wrongly", "messages are not signed as SettleBank's own examples are: %v", err)
		return
	}
	s.ok("%s %s: the testbed's keys; messages are signed and encrypted as SettleBank's own examples are", plurals(len(public), "merchant"), strings.Join(public, ", "))
}

// vector is a message of known content, and what stands in it then.
type vector struct {
	name         string
	at           time.Time
	merchant     string
	protocol     gateway.Protocol
	send         func(context.Context, *gateway.Client)
	hash, amount string // pktHash, and cnclAmt where it is encrypted
}

// vectors are those of the gateway's documents, one a message that there is.
func vectors() []vector {
	cancel := func(r gateway.CancelRequest) func(context.Context, *gateway.Client) {
		return func(ctx context.Context, c *gateway.Client) { c.Cancel(ctx, r) }
	}
	inquire := func(r gateway.InquiryRequest) func(context.Context, *gateway.Client) {
		return func(ctx context.Context, c *gateway.Client) { c.Inquire(ctx, r) }
	}
	return []vector{
		{name: "flat cancellation", merchant: "nxca_jt_bi", protocol: gateway.Flat, at: time.Date(2023, 12, 15, 0, 0, 0, 0, settlebank.KST),
			send: cancel(gateway.CancelRequest{MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_PGCAnxca_jt_il0211129135810M1494620",
				OrgMchtTrdNo: "ORDER20231215143022", OrgTrdDt: "20231215", CanAmt: 1000}),
			hash: "e9537d522248bfd9c4b19d61e3367451e2412a20ce0b41b34068b805e75f9446"},
		{name: "0A19 cancellation", merchant: "nxca_jt_il", protocol: gateway.Protocol0A19, at: time.Date(2021, 12, 31, 10, 0, 0, 0, settlebank.KST),
			send: cancel(gateway.CancelRequest{MchtID: "nxca_jt_il", ID: "ORDER20211231100000", Round: 1, OrgTrdNo: "STFP_PGCAnxca_jt_il0211129135810M1494620",
				OrgMchtTrdNo: "ORDER", OrgTrdDt: "20211231", CanAmt: 1000, Method: "CA"}),
			hash: "a2d6d597d55d7c9b689baa2e08c1ddf0ce71f4248c5b9b59fe61bfbf949543e1", amount: "AntV/eDpxIaKF0hJiePDKA=="},
		{name: "0A1M inquiry", merchant: "nx_mid_il", protocol: gateway.Flat, at: time.Date(2021, 8, 6, 8, 1, 1, 0, settlebank.KST),
			send: inquire(gateway.InquiryRequest{MchtID: "nx_mid_il", ID: "PG_vbank_20210806075154649", OrgMchtTrdNo: "ORDER",
				OrgTrdDt: "20210806", Method: "VA", OrgTrdAmt: 500}),
			hash: "996e651d9435700d54e0d69b5726b5489ad0691c3fc86be572314d39a2ae8b6d"},
	}
}

// proveVectors lets the very client that cancels send each vector, with the testbed's keys, to a
// listener of ours that reads what it signs.
func proveVectors(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen to our own client: %w", err)
	}
	bodies := make(chan []byte, 1)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		select {
		case bodies <- body:
		default:
		}
	})}
	defer server.Close()
	go func() { _ = server.Serve(l) }()
	var faults []error
	for _, v := range vectors() {
		faults = append(faults, v.prove(ctx, "http://"+l.Addr().String(), bodies))
	}
	return errors.Join(faults...)
}

func (v vector) prove(ctx context.Context, url string, bodies <-chan []byte) error {
	c, err := gateway.New(gateway.Options{BaseURL: url, Now: func() time.Time { return v.at },
		Merchants: []gateway.Merchant{{ID: v.merchant, HashKey: settlebank.NewSecret(settlebank.TestbedHashKey), AESKey: settlebank.NewSecret(settlebank.TestbedAESKey), Protocol: v.protocol}}})
	if err != nil {
		return err
	}
	defer c.Close()
	v.send(ctx, c)
	var message struct {
		PktHash string `json:"pktHash"`
		Data    struct {
			PktHash string `json:"pktHash"`
			CnclAmt string `json:"cnclAmt"`
		} `json:"data"`
	}
	select {
	case body := <-bodies:
		err = json.Unmarshal(body, &message)
	default:
		err = errors.New("nothing was sent")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	if hash := message.PktHash + message.Data.PktHash; hash != v.hash || message.Data.CnclAmt != v.amount {
		return fmt.Errorf("%s: pktHash %s, cnclAmt %q; want %s, %q", v.name, hash, message.Data.CnclAmt, v.hash, v.amount)
	}
	return nil
}
