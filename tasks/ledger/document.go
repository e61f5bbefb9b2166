package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What is stored of a payment is a JSON document, and behind it, while an attempt is under way, that
// attempt's Intent: most of what is written before a request is an intent, and a whole document would
// be several times as long. Each of the two ends with the id of the write that stored it, where
// store.lua finds it.

// format is the version of the stored document that this program writes, and the newest it reads.
const format = 1

// Intent is what is stored before anything is sent: who has the payment from now on, and for what.
type Intent struct {
	Key     string `json:"k"`           // of the cancellation
	Token   string `json:"t"`           // of the attempt
	At      int64  `json:"g"`           // ms
	Lasts   int64  `json:"x"`           // ms, of the lease
	Inquiry bool   `json:"i,omitempty"` // nothing is to be cancelled
	Blind   bool   `json:"b,omitempty"` // the sum is not based
	Write   string `json:"w"`           // id of the write that stored it; always the last member, see store.lua
}

// intend hands p to the attempt of an intent at c.
func (p *Payment) intend(c *Cancellation, i Intent) {
	p.Lease = &Lease{Key: i.Key, Token: i.Token, Granted: i.At, Expires: i.At + i.Lasts}
	a := Attempt{Kind: Inquiry, StartedAt: time.UnixMilli(i.At), UnderWay: true}
	if !i.Inquiry {
		a.Kind = Request
		c.Status, c.Token, c.Answered, c.SentAt, c.SentBlind = Sending, i.Token, false, i.At, i.Blind
	}
	c.Due = p.Lease.Expires
	c.addAttempt(a)
}

// encode returns what is to be stored of p under the id of a write: an intent that is to stand behind
// what is stored, or all of it anew.
func (p *Payment) encode(write string) (doc []byte, behind bool, err error) {
	p.Write, p.Format = write, format
	if p.intent != nil && !p.dirty && p.stored != nil {
		p.intent.Write = write
		doc, err = json.Marshal(p.intent)
		return doc, true, err
	}
	doc, err = json.Marshal(p)
	return doc, false, err
}

// settle makes p what is stored, with doc written last: nothing of it is new any more.
func (p *Payment) settle(doc []byte, behind bool) {
	if behind {
		doc = slices.Concat(p.stored, doc)
	}
	for _, c := range p.Cancellations {
		c.was, c.wasDue = c.kind(), c.Due
	}
	p.stored, p.touched, p.told, p.dirty, p.intent = doc, nil, nil, false, nil
}

// changed reports whether a rule has changed p.
func (p *Payment) changed() bool { return p.dirty || len(p.touched) > 0 || len(p.told) > 0 }

// errNewer is returned for a document that only a newer program can read.
var errNewer = errors.New("it was stored by a newer version of settlecancel; use that one")

// decodePayment reads what is stored of a payment. What it cannot read, or what no program of ours
// wrote, is an ErrDamaged: half a payment must not look like a whole one.
func decodePayment(pay place, raw []byte) (*Payment, error) {
	p := &Payment{}
	doc, intent := cutIntent(raw)
	err := json.Unmarshal(doc, p)
	if err == nil {
		err = p.fault(doc)
	} else if newer(doc) {
		err = errNewer
	}
	if err == nil && intent != nil {
		err = p.readIntent(intent)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: payment %s: %w", ErrDamaged, pay.name(), err)
	}
	p.MchtID, p.OrgTrdNo = pay.mchtID, pay.orgTrdNo
	p.settle(raw, false)
	return p, nil
}

// cutIntent cuts the intent off that may stand behind a document. The bytes where it begins cannot
// stand within JSON: in a text, a quote has a backslash before it or ends it.
func cutIntent(raw []byte) (doc, intent []byte) {
	if i := bytes.Index(raw, []byte(`}{"k":`)); i >= 0 {
		return raw[:i+1], raw[i+1:]
	}
	return raw, nil
}

func (p *Payment) readIntent(raw []byte) error {
	var i Intent
	if err := json.Unmarshal(raw, &i); err != nil {
		return fmt.Errorf("its intent: %w", err)
	}
	c := p.Find(i.Key)
	if c == nil || i.Token == "" || !endsWithID(raw, i.Write) {
		return fmt.Errorf("its intent is no program's of ours: %.200s", raw)
	}
	p.intend(c, i)
	p.Write = i.Write
	return nil
}

// newer reports whether raw is of a newer program, whatever shape the rest of it has.
func newer(raw []byte) bool {
	var head struct {
		Format int `json:"f"`
	}
	return json.Unmarshal(raw, &head) == nil && head.Format > format
}

// fault returns what of p, as it was read from raw, no program of ours wrote.
func (p *Payment) fault(raw []byte) error {
	switch {
	case p.Format > format:
		return errNewer
	case p.Format < 1:
		return errors.New("it has no format")
	case !endsWithID(raw, p.Write):
		return errors.New("it does not end with the id of its write")
	}
	for _, c := range p.Cancellations {
		switch {
		case c == nil || c.Key == "":
			return errors.New("a cancellation has no key")
		case !slices.Contains(Statuses(), c.Status):
			return fmt.Errorf("%s: status %q", c.Key, c.Status)
		case c.Amount < 0:
			return fmt.Errorf("%s: amount %d", c.Key, c.Amount)
		}
	}
	return nil
}

func endsWithID(raw []byte, id string) bool {
	return len(id) == writeIDLen && bytes.HasSuffix(raw, []byte(`"w":"`+id+`"}`))
}
