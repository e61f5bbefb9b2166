package ledger

import (
	"encoding/json"
	"slices"
	"time"
)

// What is kept of one payment at most.
const (
	keptAttempts = 60 // of a cancellation, the last ones
	keptRaw      = 5  // attempts of a cancellation with their raw answers, the last ones
	keptActs     = 20 // of a cancellation, the last ones
	maxRounds    = 999
)

// Payment is all that the ledger knows of one original payment: one JSON document under one key of
// Redis. The tags are the names in that document; they are short because there is one for every
// refunded payment, kept for months.
//
// Its methods are the rules. They change nothing but the Payment, know no Redis and no clock, and
// can therefore be walked by a program in every order.
type Payment struct {
	Format int `json:"f"`

	MchtID   string `json:"-"` // both stand in the key
	OrgTrdNo string `json:"-"`

	// Amount is that of the payment, in the smallest unit of its currency, as all who gave one said;
	// 0 while nobody did.
	Amount int64 `json:"m,omitempty"`

	// Sum is what is known to be cancelled of it. Only Basis tells whether the gateway said so.
	Sum   int64 `json:"s,omitempty"`
	Basis Basis `json:"b,omitzero"`

	// Round is the highest cnclOrd known to be used (0A19).
	Round int `json:"r,omitempty"`

	Lease         *Lease          `json:"l,omitempty"`
	Cancellations []*Cancellation `json:"c,omitempty"` // in the order of their acceptance

	Write string `json:"w"` // id of the write that stored it; always the last member, see store.lua

	stored  []byte          // as it was read or written last
	dirty   bool            // a rule has changed something
	touched map[string]bool // cancellations that a rule has changed
	told    []telling       // what it has to tell
	intent  *Intent         // nothing has changed but this
}

// Basis says where Payment.Sum comes from, so that others' cancellations are in it.
type Basis struct {
	Kind  BasisKind `json:"k,omitempty"`
	At    int64     `json:"t,omitempty"` // ms, when the gateway said it
	Epoch int64     `json:"e,omitempty"` // of the shard, when it was stored
}

// BasisKind is how a sum was learned. The empty one means that the gateway has not told it.
type BasisKind string

// The bases.
const (
	BasisAnswer  BasisKind = "answer"  // the answer to a whole cancellation
	BasisBalance BasisKind = "balance" // what an answer says can still be cancelled (blcAmt)
	BasisInquiry BasisKind = "inquiry"
	BasisList    BasisKind = "list" // a daily list
)

// Lease is who works at a payment. It ends by itself: whoever holds it must renew it.
type Lease struct {
	Key     string `json:"k"` // idempotency key of the cancellation that is worked at
	Token   string `json:"t"` // of the attempt
	Granted int64  `json:"g"` // ms
	Expires int64  `json:"x"` // ms
}

// Cancellation is one cancellation of a payment.
type Cancellation struct {
	Key          string          `json:"k"`
	Amount       int64           `json:"m,omitempty"` // smallest unit of the currency; 0 withdraws a number
	OrgMchtTrdNo string          `json:"o,omitempty"`
	Method       string          `json:"x,omitempty"`
	Foreign      bool            `json:"fx,omitempty"` // the gateway shows sums in another unit
	Params       json.RawMessage `json:"p,omitempty"`  // the other parameters
	Queue        string          `json:"q,omitempty"`  // "" is the default queue
	By           string          `json:"by,omitempty"` // who asked for it
	Sealed       string          `json:"z,omitempty"`  // account numbers, until it has ended
	Accepted     int64           `json:"at"`           // ms
	GaveAmount   bool            `json:"g,omitempty"`  // its producer gave the payment's amount
	SoFar        *int64          `json:"sf,omitempty"` // what its producer took for cancelled, to be held against the basis

	Status   Status `json:"st"`
	Closed   bool   `json:"cl,omitempty"` // a person ended it
	Reason   Reason `json:"re,omitempty"` // why it is in review, was given up, or is being verified
	Ended    int64  `json:"e,omitempty"`  // ms after acceptance: ended, or dead since
	Due      int64  `json:"d,omitempty"`  // ms, of open ones
	CanTrdNo string `json:"no,omitempty"`
	Code     string `json:"rc,omitempty"`
	Message  string `json:"rm,omitempty"`

	Token     string       `json:"t,omitempty"`  // of the latest request
	Answered  bool         `json:"ta,omitempty"` // what came back on it is stored
	SentAt    int64        `json:"sa,omitempty"` // ms, when the latest request was granted
	Spent     int          `json:"b,omitempty"`  // retry budget
	RequestID int          `json:"n,omitempty"`  // how many ids were refused for good: the next attempt carries a new one
	Doubts    int          `json:"y,omitempty"`  // attempts whose outcome was ever unknown
	Settled   bool         `json:"ok,omitempty"` // the sum, or an answer, has settled the doubt
	Blind     bool         `json:"nb,omitempty"` // a doubtful attempt went out while the sum was not based
	SentBlind bool         `json:"sb,omitempty"` // the latest request went out so
	Asked     int64        `json:"ia,omitempty"` // ms, when an inquiry last showed that nothing was applied
	Verify    Verification `json:"v,omitzero"`

	Attempts []Attempt `json:"a,omitempty"`
	Dropped  int       `json:"ax,omitempty"` // older attempts that are no longer kept
	Events   int       `json:"ev,omitempty"`
	Acts     []Act     `json:"oa,omitempty"`

	was    kind  // as it is stored
	wasDue int64 // as it is stored
}

// Moment is what a rule knows of the world beside the payment.
type Moment struct {
	Now     int64 // ms, by the clock of Redis
	Epoch   int64 // of the payment's shard: how often it was found to have forgotten writes
	EpochAt int64 // ms, when that was found last; 0 for never
}

// Rules are the settings that the rules depend on.
type Rules struct {
	Lease       time.Duration // how long an attempt may hold a payment without renewing
	Request     time.Duration // the longest that a request can be on the wire
	VerifyAfter time.Duration // from the end of an unknown attempt to the inquiry
	Caution     time.Duration // how long after an epoch a sum that nothing explains is for people
	Farthest    time.Duration // the longest that any rule puts a step off
	Inquiry     bool          // the gateway may be inquired
}

func millis(d time.Duration) int64 { return d.Milliseconds() }

// freshFor is how long an inquiry that showed nothing applied allows the next request.
const freshFor = 10 * time.Second

// Find returns a cancellation of p, or nil.
func (p *Payment) Find(key string) *Cancellation {
	for _, c := range p.Cancellations {
		if c.Key == key {
			return c
		}
	}
	return nil
}

// Whole reports whether c cancels all of the payment, which is known only where its amount is.
func (p *Payment) Whole(c *Cancellation) bool { return p.Amount > 0 && c.Amount == p.Amount }

// Inquirable reports whether an inquiry can settle c: it needs the payment's amount and method, and
// for a part of it a sum in a unit that is known.
func (p *Payment) Inquirable(c *Cancellation, r Rules) bool {
	return r.Inquiry && p.Amount > 0 && c.Method != "" && (p.Whole(c) || !c.Foreign)
}

// Based reports whether the gateway has told the sum since the shard's epoch began.
func (p *Payment) Based(at Moment) bool { return p.Basis.Kind != "" && p.Basis.Epoch == at.Epoch }

// Cautious reports whether the shard has forgotten writes so lately that a sum which the ledger
// cannot explain may be of a cancellation that it has forgotten.
func (r Rules) Cautious(at Moment) bool {
	return at.EpochAt > 0 && at.Now < at.EpochAt+millis(r.Caution)
}

// Doubtful reports whether c may be applied without the sum being known to hold it. So is one whose
// outcome was ever unknown, whatever its status, until the sum has settled it, and one that a
// person says is cancelled.
func (c *Cancellation) Doubtful() bool {
	if c.Settled || c.Amount == 0 {
		return false
	}
	return c.Doubts > 0 || c.Status == Unknown || c.Status == Sending || c.claimed()
}

// claimed reports whether a person, and nobody else, says that c is cancelled.
func (c *Cancellation) claimed() bool { return c.Closed && c.Status == Cancelled && !c.Settled }

// Doubts returns the doubtful cancellations of p, without the one of a key.
func (p *Payment) Doubts(but string) (doubts []Doubt) {
	for _, c := range p.Cancellations {
		if c.Key != but && c.Doubtful() {
			doubts = append(doubts, Doubt{Key: c.Key, Amount: c.Amount, Claimed: c.claimed()})
		}
	}
	return doubts
}

// Doubt is another cancellation of the payment that may have been applied.
type Doubt struct {
	Key     string
	Amount  int64
	Claimed bool // a person says that it is cancelled
}

// ended, dead and open are the three kinds of states.
func (c *Cancellation) ended() bool {
	return c.Closed || c.Status == Cancelled || c.Status == AlreadyCancelled || c.Status == RefundedElsewhere
}

func (c *Cancellation) dead() bool {
	return !c.Closed && (c.Status == Rejected || c.Status == Exhausted || c.Status == Review)
}

func (c *Cancellation) open() bool { return !c.ended() && !c.dead() }

// unended reports whether p must be kept for ever.
func (p *Payment) unended() bool {
	return slices.ContainsFunc(p.Cancellations, func(c *Cancellation) bool { return !c.ended() })
}

// touch notes that a rule has changed c.
func (p *Payment) touch(c *Cancellation) {
	p.intent = nil
	if p.touched == nil {
		p.touched = map[string]bool{}
	}
	p.touched[c.Key] = true
}

// telling is an event that a rule has caused.
type telling struct {
	seq  int
	what Cancellation // as it was then, without its attempts, acts and secrets
}

// tell notes what c has come to, to be stored in the same write as the state itself.
func (p *Payment) tell(c *Cancellation) {
	c.Events++
	what := *c
	what.Attempts, what.Acts, what.Sealed, what.Dropped = nil, nil, "", 0
	p.told = append(p.told, telling{c.Events, what})
}

// addAttempt puts an attempt behind the others, though before one that is under way.
func (c *Cancellation) addAttempt(a Attempt) {
	at := len(c.Attempts)
	if c.underWay() != nil {
		at--
	}
	c.Attempts = slices.Insert(c.Attempts, at, a)
	if drop := len(c.Attempts) - keptAttempts; drop > 0 {
		c.Attempts = slices.Delete(c.Attempts, 0, drop)
		c.Dropped += drop
	}
	c.dropRaw(keptRaw)
}

// dropRaw drops the raw answers of all attempts but the last ones.
func (c *Cancellation) dropRaw(but int) {
	for i := range max(len(c.Attempts)-but, 0) {
		c.Attempts[i].Raw = ""
	}
}

// underWay returns the attempt that has no outcome yet, or nil. It is always the last one.
func (c *Cancellation) underWay() *Attempt {
	if n := len(c.Attempts); n > 0 && c.Attempts[n-1].UnderWay {
		return &c.Attempts[n-1]
	}
	return nil
}

// cutShort ends the attempt under way, if there is one, without an answer.
func (c *Cancellation) cutShort(now int64, class string) bool {
	a := c.underWay()
	if a == nil {
		return false
	}
	a.UnderWay, a.Class = false, class
	a.Duration = time.Duration(max(now-a.StartedAt.UnixMilli(), 0)) * time.Millisecond
	return true
}

func (c *Cancellation) act(a Act) {
	c.Acts = append(c.Acts, a)
	if drop := len(c.Acts) - keptActs; drop > 0 {
		c.Acts = slices.Delete(c.Acts, 0, drop)
	}
}

// acted reports whether a call was carried out before: its reply got lost, and it is said again.
func (c *Cancellation) acted(id string) bool {
	return len(c.Acts) > 0 && c.Acts[len(c.Acts)-1].ID == id
}
