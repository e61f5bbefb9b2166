package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/ledger"
	"settlecancel/tasks/secrettest"
)

// sealKey is a key that an id stands for.
func sealKey(id string) SealKey {
	return SealKey{ID: id, Secret: []byte(fmt.Sprintf("%-32s", "secret of "+id))}
}

func sealer(t testing.TB, ids ...string) *Sealer {
	t.Helper()
	keys := make([]SealKey, len(ids))
	for i, id := range ids {
		keys[i] = sealKey(id)
	}
	s, err := NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeal(t *testing.T) {
	t.Parallel()
	s := sealer(t, "a")
	const plain = `{"refundAcntNo":"1102345678901"}`
	first, second := s.Seal("k1", plain), s.Seal("k1", plain)
	if first == second {
		t.Error("two seals of one text are the same: the nonce is not random")
	}
	for _, sealed := range []string{first, second} {
		if !strings.HasPrefix(sealed, "v1.a.") || strings.Contains(sealed, "110234") {
			t.Errorf("sealed as %s", sealed)
		}
		if got, err := s.Open("k1", sealed); got != plain || err != nil {
			t.Errorf("opened: %q, %v", got, err)
		}
	}
}

// A new key in front seals from then on; what was sealed before stays readable, and every mark
// stays as it is.
func TestSealRotation(t *testing.T) {
	t.Parallel()
	before, after, dropped := sealer(t, "a"), sealer(t, "b", "a"), sealer(t, "b")
	old := before.Seal("k1", "text")
	if got, err := after.Open("k1", old); got != "text" || err != nil {
		t.Errorf("the old one: %q, %v", got, err)
	}
	if got := after.Seal("k1", "text"); !strings.HasPrefix(got, "v1.b.") {
		t.Errorf("sealed as %s, want under the new key", got)
	}
	if before.Mark("k1", "text") != after.Mark("k1", "text") {
		t.Error("the mark changed with the new key")
	}
	if _, err := dropped.Open("k1", old); !errors.Is(err, ErrSealKey) || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("without its key: %v", err)
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	s := sealer(t, "a")
	mark := s.Mark("k1", "text")
	if !isMark(mark) || mark != s.Mark("k1", "text") {
		t.Errorf("mark %q", mark)
	}
	for what, other := range map[string]string{"text": s.Mark("k1", "other"), "key": s.Mark("k2", "text"), "sealer": sealer(t, "b").Mark("k1", "text"),
		"place": s.Mark("k1t", "ext")} {
		if other == mark {
			t.Errorf("the same mark with another %s", what)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	s := sealer(t, "a")
	sealed := s.Seal("k1", "text")
	for i := range len(sealed) {
		for _, c := range []byte{'A', 'b', '.', '\n', 0xff} {
			if sealed[i] == c {
				continue
			}
			changed := sealed[:i] + string(c) + sealed[i+1:]
			if got, err := s.Open("k1", changed); got != "" || !errors.Is(err, ErrSealBroken) && !errors.Is(err, ErrSealKey) {
				t.Errorf("byte %d changed to %q: %q, %v", i, c, got, err)
			}
		}
		if got, err := s.Open("k1", sealed[:i]); got != "" || err == nil {
			t.Errorf("cut to %d bytes: %q, %v", i, got, err)
		}
	}
	if _, err := s.Open("k2", sealed); !errors.Is(err, ErrSealBroken) {
		t.Errorf("for another cancellation: %v", err)
	}
	impostor, err := NewSealer(SealKey{ID: "a", Secret: bytes.Repeat([]byte{1}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := impostor.Open("k1", sealed); !errors.Is(err, ErrSealBroken) {
		t.Errorf("with another key of that id: %v", err)
	}
}

func TestNewSealerRefuses(t *testing.T) {
	t.Parallel()
	short := SealKey{ID: "s", Secret: []byte("topsecret")}
	_, err := NewSealer(sealKey("a"), sealKey("a"), short, sealKey(""), sealKey("a.b"), sealKey(strings.Repeat("x", 17)))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`key 2: "a" is the id of an earlier one`, "key 3: has 9 bytes, not 32", "key 4: its id", "key 5: its id", "key 6: its id"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows a key: %v", err)
	}
	if _, err := NewSealer(); err == nil {
		t.Error("none was accepted")
	}
}

// However keys and a sealer are printed, they show nothing but ids.
func TestSealPrintsNoKey(t *testing.T) {
	t.Parallel()
	key, s := sealKey("visible"), sealer(t, "visible")
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(h).Info("event", "key", key, "sealer", s)
	}
	raw, err := json.Marshal([]any{key, s})
	if err != nil {
		t.Fatal(err)
	}
	secrettest.Hidden(t, "what is printed", log.String()+string(raw)+secrettest.Print(key, s, ClientOptions{Sealer: s}), "secret")
}

// FuzzOpen: nothing opens but what was sealed, for whom it was sealed.
func FuzzOpen(f *testing.F) {
	s := sealer(f, "b", "a")
	const plain = `{"refundAcntNo":"1102345678901","refundDpstrNm":"홍길동"}`
	seals := []string{ // for k1; they must stay readable, as there are such in ledgers
		"v1.b.GyWDDx38W4i8iwqD7mAJHYVhnsTZos6pnNY3bK0XpZmYCuLx6l0tSePRCllkpALsF2Spd6AsCyPqLqaYN5x12NPUB6-N7SSY6dLZxK8ekIrClz4UcJjt7w",
		"v1.a.9015cyU9t8thKz3hRUYoZQhhhJUoY71HL3FCsXFpzYNhKo77ZP1I1yiWTCTcPg5xZQIAYsHFwBlo7CAy5wf_ub2_l_FJ4OnKf7xIEwMqjZFRzBgM05xCZQ",
	}
	for _, sealed := range seals {
		f.Add("k1", sealed)
		f.Add("k2", sealed)
		f.Add("k1", sealed+"\n")
		f.Add("k1", sealed[:len(sealed)-1])
	}
	f.Add("", "v1..")
	f.Add("k1", "v1.a.")
	f.Add("k1", "v1.zz.AAAA")
	f.Fuzz(func(t *testing.T, key, sealed string) {
		got, err := s.Open(key, sealed)
		genuine := key == "k1" && (sealed == seals[0] || sealed == seals[1])
		switch {
		case genuine && (err != nil || got != plain):
			t.Errorf("a genuine one: %q, %v", got, err)
		case !genuine && (err == nil || got != ""):
			t.Errorf("opened a forged one %q for %q: %q", sealed, key, got)
		case err != nil && !errors.Is(err, ErrSealKey) && !errors.Is(err, ErrSealBroken):
			t.Errorf("an untyped error: %v", err)
		}
		// A record may hold whatever is found in Redis.
		c := &Client{sealer: s}
		r := ledger.Record{Key: key, Params: json.RawMessage(`{"ac":"AAAAAAAAAAAA","op":"refund"}`), Sealed: sealed}
		if x, err := c.Open(r); (err == nil) != genuine || err == nil && x.RefundAcntNo != "1102345678901" {
			t.Errorf("opened as %s: %v", x, err)
		}
	})
}

func TestParseTask(t *testing.T) {
	t.Parallel()
	const mark = "AbCd-_123456"
	refund := wellFormedRefund().with(account{})
	tests := []struct {
		name string
		task Task
		want []string // faults
	}{
		{"OK", Task{Cancellation: wellFormed()}, nil},
		{"OK refund", Task{refund, mark}, nil},
		{"OK withdrawal", Task{wellFormedWithdrawal().with(account{}), mark}, nil},
		{"OK cancel with an account", Task{wellFormed(), mark}, nil},
		{"ErrNoMark", Task{Cancellation: refund}, []string{"sealed is required for operation refund"}},
		{"ErrNoBank", Task{func() Cancellation { c := refund; c.RefundBankCd = ""; return c }(), mark}, []string{"refundBankCd is required for operation refund"}},
		{"ErrMarkShort", Task{refund, mark[1:]}, []string{"sealed must be the mark that the client gave the task, once", "sealed is required for operation refund"}},
		{"ErrMarkForm", Task{wellFormed(), "AbCd+_123456"}, []string{"sealed must be the mark that the client gave the task, once"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			payload, err := tt.task.Payload()
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseTask(payload, parseOptions())
			if tt.want == nil {
				if diff := cmp.Diff(tt.task, got); err != nil || diff != "" {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				return
			}
			faults, _ := faultsOf(t, err)
			if diff := cmp.Diff(tt.want, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("ErrPlain", func(t *testing.T) {
		t.Parallel()
		for _, c := range []Cancellation{wellFormedRefund(), wellFormedWithdrawal(), wellFormed().with(account{RefundDpstrNm: "홍길동"})} {
			payload, err := c.Payload()
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseTask(payload, parseOptions())
			faults, _ := faultsOf(t, err)
			if len(faults) != 1 || !strings.HasPrefix(faults[0], "the task holds an account number in plain text") ||
				strings.Contains(err.Error(), "110234") || strings.Contains(err.Error(), "790123") || strings.Contains(err.Error(), "홍길동") {
				t.Errorf("%v", err)
			}
		}
	})
	t.Run("ErrMarkTwice", func(t *testing.T) {
		t.Parallel()
		_, err := ParseTask([]byte(document(sealedName, `"`+mark+`","sealed":"`+mark+`"`)), parseOptions())
		if faults, _ := faultsOf(t, err); len(faults) != 1 {
			t.Errorf("%v", faults)
		}
	})
	t.Run("ErrProducer", func(t *testing.T) {
		t.Parallel()
		_, err := Parse([]byte(document(sealedName, `"`+mark+`"`)), parseOptions())
		if faults, _ := faultsOf(t, err); len(faults) != 1 || faults[0] != `"sealed" is not a known field` {
			t.Errorf("a producer may give a mark: %v", faults)
		}
	})
}

// A task shows nothing of an account, nor what stands for it.
func TestTaskMasked(t *testing.T) {
	t.Parallel()
	task := Task{wellFormedRefund(), "AbCd-_123456"}
	for _, out := range []string{task.String(), fmt.Sprintf("%v %+v %#v %s", task, &task, task, task)} {
		secrettest.Hidden(t, "the task", out, task.RefundAcntNo, task.RefundDpstrNm, task.Sealed)
		if !strings.Contains(out, `"sealed":"[masked]"`) || !strings.Contains(out, task.IdempotencyKey) {
			t.Errorf("%s", out)
		}
	}
}

func FuzzParseTask(f *testing.F) {
	for _, task := range []Task{{Cancellation: wellFormed()}, {wellFormedRefund().with(account{}), "AbCd-_123456"}, {Cancellation: wellFormedRefund()}} {
		payload, err := task.Payload()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add([]byte(document(sealedName, `"\u0041bCd-_123456"`)))
	f.Add([]byte(document(sealedName, `12`)))
	for _, amount := range []int64{-5, 1e15} {
		c := wellFormed()
		c.CanAmt = amount
		f.Add(encode(Task{Cancellation: c}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		task, err := ParseTask(data, parseOptions())
		strict := draft{stored: true}
		strict.decode(data)
		if c, fault := strict.finish(parseOptions()); (fault == nil) != (err == nil) || fault == nil && (c.String() != task.Cancellation.String() || strict.mark != task.Sealed) {
			t.Errorf("read as %s, %v; strictly as %s, %v", task, err, c, fault)
		}
		if err != nil {
			faultsOf(t, err)
			return
		}
		if task.account() != (account{}) {
			t.Errorf("a task with an account in plain text: %s", task)
		}
		if _, err := task.Entry(); err != nil {
			t.Errorf("no entry: %v", err)
		}
		payload, err := task.Payload()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseTask(payload, parseOptions()); err != nil || again.Sealed != task.Sealed {
			t.Errorf("round trip of %s: %v", payload, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	c := &Client{sealer: sealer(b, "a")}
	for name, x := range map[string]Cancellation{"without": wellFormed(), "account": wellFormedRefund()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Entry(x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
