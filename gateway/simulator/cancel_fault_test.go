package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// codeOf0A19 reads the result code of an answer, "" where there is no whole answer of protocol
// 0A19.
func codeOf0A19(r reply) (code string, a nested) {
	if r.err != nil || r.status != http.StatusOK || json.Unmarshal(r.body, &a) != nil {
		return "", nested{}
	}
	return a.Params["outRsltCd"], a
}

// Test0A19Faults sends one 0A19 cancellation through every kind of fault, in each of its ways.
func Test0A19Faults(t *testing.T) {
	t.Parallel()
	whole := map[Kind]string{ // the result code of the kinds that answer
		KindCode: "9999", KindDelayBefore: "0000", KindDelayAfter: "0000", KindDrip: "0000", KindStale: "0000", KindWrongEcho: "0000",
		KindTwice: "ST25",
	}
	for kind, traits := range kinds {
		if !(Fault{Kind: kind}).suits(PathCancel, true) {
			continue
		}
		for _, apply := range []Apply{ApplyNo, ApplyYes, ApplyLate} {
			if !traits.apply && apply != ApplyYes {
				continue
			}
			t.Run("OK "+string(kind)+" "+string(apply), func(t *testing.T) {
				t.Parallel()
				fault := Fault{Kind: kind, Apply: apply}
				if traits.delay {
					fault.Delay = time.Microsecond
				}
				if traits.code {
					fault.Code = "9999"
				}
				if traits.bound {
					fault.Bound = time.Millisecond
				}
				if traits.bytes {
					fault.Bytes = 1 << 16
				}
				b := registered(t, Options{}, 1000)
				b.script(Rule{Path: PathCancel, Times: 1, Fault: fault})
				sent := cancel0A19("C1", "001", "400", nil, nil)
				code, a := codeOf0A19(b.post(cancelPath, encode(t, sent)))
				b.idle()
				if code != whole[kind] {
					t.Errorf("outRsltCd %q, want %q", code, whole[kind])
				}
				if same := a.Data["pktHash"] == sent.Data["pktHash"]; code != "" && same == (kind == KindWrongEcho) {
					t.Errorf("pktHash %q echoed for %q", a.Data["pktHash"], sent.Data["pktHash"])
				}
				if applied := len(b.Effects()) == 1; applied != (apply != ApplyNo) {
					t.Errorf("%d effects with apply %s", len(b.Effects()), apply)
				}
				want := "ST25"
				if apply == ApplyNo {
					want = "0000"
				}
				if got := b.code(cancelPath, sent); got != want {
					t.Errorf("sent again: %s, want %s", got, want)
				}
				if n := len(b.Effects()); n != 1 {
					t.Errorf("%d effects in the end, want 1", n)
				}
			})
		}
	}
}

// TestWrongEchoMeetsOnlyWhatEchoes: a flat answer has no hash, so the rule waits for one that has.
func TestWrongEchoMeetsOnlyWhatEchoes(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	b.script(Rule{Times: 1, Fault: Fault{Kind: KindWrongEcho}})
	if got := b.cancel("100").ResultCode; got != "0000" {
		t.Errorf("flat: %s, want 0000", got)
	}
	forged := cancel0A19("C0", "002", "100", nil, fields{"pktHash": sum("x")})
	b.code(cancelPath, forged)
	sent := cancel0A19("C1", "002", "100", nil, nil)
	if a := b.ask(cancelPath, sent); a.Data["pktHash"] == sent.Data["pktHash"] {
		t.Error("the first answer with a hash repeats it rightly")
	}
}

// Test0A19ChaosBooks has many clients cancel parts under every fault at once, each sending the
// same request again until the gateway says that it is applied: each is then applied exactly once.
func Test0A19ChaosBooks(t *testing.T) {
	t.Parallel()
	kinds := slices.DeleteFunc(DefaultFaults(), func(f Fault) bool { return f.Kind == KindHang || f.Kind == KindFlood })
	kinds = append(kinds, Fault{Kind: KindHang, Bound: 1, Apply: ApplyYes}, Fault{Kind: KindFlood, Bytes: 1 << 12})
	b := start(t, Options{AutoAmount: 1000, FaultRate: 0.5, Seed: 11, Kinds: kinds})
	const clients, rounds = 24, 5
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			number := "T" + strconv.Itoa(client)
			for round := range rounds {
				id := number + "-" + strconv.Itoa(round)
				body := encode(t, cancel0A19(id, "00"+strconv.Itoa(round+1), "200", nil, fields{"orgTrdNo": number}))
				for tries := 0; ; tries++ {
					code, _ := codeOf0A19(b.post(cancelPath, body))
					if code == "0000" || code == "ST25" {
						break
					}
					if code == "ST50" || code == "ST56" || code == "ST57" || tries == 100 {
						t.Errorf("%s answered %s at try %d", id, code, tries)
						return
					}
				}
			}
		})
	}
	all.Wait()
	b.idle()
	seen := map[string]bool{}
	for _, e := range b.Effects() {
		if seen[e.MchtTrdNo] || e.Amount != 200 {
			t.Errorf("effect %+v: a second one of its id, or another amount", e)
		}
		seen[e.MchtTrdNo] = true
	}
	if len(seen) != clients*rounds {
		t.Errorf("%d ids applied, want %d", len(seen), clients*rounds)
	}
	if stats := b.Stats(); stats.CancelledAmount != clients*1000 || stats.Faults[KindWrongEcho] == 0 || len(stats.Faults) < 10 {
		t.Errorf("stats %+v: want %d won and faults of ten kinds, wrongEcho among them", stats, clients*1000)
	}
}
