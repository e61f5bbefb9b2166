package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
)

// Client speaks to SettleBank for its merchants. It is safe for concurrent use; make one with
// [New].
type Client struct {
	merchant    func(id string) (*merchant, bool) // a func: into all else fmt would look, down to the keys
	poster      *poster
	collator    *collator // nil: no CollationURL
	inquiryPath string
	providers   *providers
	timeout     time.Duration
	late        error // the cause of a call's end after timeout
	now         func() time.Time
}

// merchant is a Merchant in use.
type merchant struct {
	Merchant
	protocol protocol
}

// protocol is a way to ask for a cancellation; flat.go and protocol0a19.go have one each.
type protocol interface {
	// build renders r as a request of m, or names everything for which the gateway could only
	// refuse it.
	build(m *merchant, r CancelRequest, now time.Time) (request, []string)
	// parse reads the body of an answer to q; false: it is no complete, valid answer.
	parse(q request, body []byte) (answer, bool)
}

// request is a message ready to be posted.
type request struct {
	path    string
	body    []byte
	hash    string              // its pktHash, which some answers repeat
	echo    echo                // members that must be the request's where an answer has them
	asked   *inquiryTerms       // what the answer to an inquiry is held against
	terms   *terms0A19          // what else the answer to a 0A19 request repeats
	secrets []settlebank.Secret // what, besides the keys, no message may tell
}

func protocolOf(p Protocol) (protocol, error) {
	switch p {
	case "", Flat:
		return flat{}, nil
	case Protocol0A19:
		return protocol0A19{}, nil
	}
	return nil, fmt.Errorf("protocol %q is not supported, want %q or %q", p, Flat, Protocol0A19)
}

// New returns a client. Its error names every fault of o at once, and none of the keys.
func New(o Options) (*Client, error) {
	return newClient(o, (&net.Dialer{}).DialContext)
}

func newClient(o Options, dial dialFunc) (*Client, error) {
	o = o.withDefaults()
	base, err := o.validate()
	if err != nil {
		return nil, err
	}
	merchants := make(map[string]*merchant, len(o.Merchants))
	for _, m := range o.Merchants {
		p, err := protocolOf(m.Protocol)
		if err != nil {
			return nil, err
		}
		merchants[m.ID] = &merchant{Merchant: m, protocol: p}
	}
	lists, err := newCollator(o, dial)
	if err != nil {
		return nil, err
	}
	return &Client{
		merchant:    func(id string) (*merchant, bool) { m, ok := merchants[id]; return m, ok },
		poster:      newPoster(newPool(o, base, dial), base),
		collator:    lists,
		inquiryPath: o.InquiryPath,
		providers:   &providers{},
		timeout:     o.Timeout,
		late:        fmt.Errorf("no complete answer within %s: %w", o.Timeout, context.DeadlineExceeded),
		now:         o.Now,
	}, nil
}

// Cancel asks the gateway for a cancellation, once. It returns when the answer is complete, when
// Options.Timeout has passed, or when ctx ends; what that means for the money is in the Outcome.
func (c *Client) Cancel(ctx context.Context, r CancelRequest) Outcome {
	m, ok := c.merchant(r.MchtID)
	if !ok {
		return unknownMerchant(r.MchtID)
	}
	q, faults := m.protocol.build(m, r, c.now())
	if len(faults) > 0 {
		return refused(Rejected, strings.Join(faults, "; "))
	}
	out, _ := c.exchange(ctx, m, q, m.protocol.parse, "cancellation of "+r.MchtID+"/"+r.OrgTrdNo)
	return out
}

// Inquire asks the gateway what became of a transaction (message 0A1M), with either protocol. An
// easy payment is asked after under the names of its providers, one after the other, until one is
// not refused for good; Options.Timeout bounds them all together.
func (c *Client) Inquire(ctx context.Context, r InquiryRequest) Inquiry {
	m, ok := c.merchant(r.MchtID)
	if !ok {
		return Inquiry{Outcome: unknownMerchant(r.MchtID)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, c.late)
	defer cancel()
	var refusal Inquiry
	for i, name := range c.providers.names(r) {
		ask := r
		ask.Method = name
		if i > 0 {
			if err := r.turn(ctx); err != nil {
				return Inquiry{Outcome: failed(reply{err: because(ctx, err)}, "inquiry after "+r.MchtID+"/"+r.OrgMchtTrdNo)}
			}
			ask.ID = fmt.Sprintf("%.*s-%d", settlebank.MaxMchtTrdNo-2, r.ID, i+1)
		}
		q := c.inquire(ctx, m, ask)
		if q.Class == OK {
			c.providers.remember(r, name)
		}
		if !q.Final() || q.Code == Local {
			return q
		}
		// Of several refusals the one counts that speaks of the payment, not of the name.
		if i == 0 || settlebank.NoSuchPayment(q.Code) && !settlebank.NoSuchPayment(refusal.Code) {
			refusal = q
		}
	}
	return refusal
}

// inquire asks once.
func (c *Client) inquire(ctx context.Context, m *merchant, r InquiryRequest) Inquiry {
	q, faults := buildInquiry(m, r, cmp.Or(r.Path, c.inquiryPath), c.now())
	if len(faults) > 0 {
		return Inquiry{Outcome: refused(Rejected, strings.Join(faults, "; "))}
	}
	out, a := c.exchange(ctx, m, q, parseInquiry, "inquiry after "+r.MchtID+"/"+r.OrgMchtTrdNo)
	if out.Class != OK {
		return Inquiry{Outcome: out}
	}
	return Inquiry{Outcome: out, State: a.state, Cancelled: a.cancelled, CancelledKnown: a.shown, Method: r.Method}
}

// Close closes the idle connections, and the others as soon as their calls have ended. Later calls
// send nothing; their class is Transient.
func (c *Client) Close() {
	c.poster.pool.close()
	c.collator.close()
}

// exchange posts q and judges what comes back. The answer is filled where it was complete and
// valid.
func (c *Client) exchange(
	ctx context.Context, m *merchant, q request, parse func(request, []byte) (answer, bool), what string,
) (Outcome, answer) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, c.late)
	defer cancel()
	r := c.poster.post(ctx, q.path, q.body)
	secrets := append([]settlebank.Secret{m.HashKey, m.AESKey}, q.secrets...)
	out, a := judge(q, r, parse, what)
	out.Raw = masker{secrets}.raw(r.body)
	if a.code != "" {
		out.Message = clean(unescape(a.message), secrets...)
	}
	if a.doubt != "" {
		out.Message = clean(a.doubt + ": " + out.Message)
	}
	return out, a
}

// judge tells what a reply to q means. The answer is filled where it was complete and valid.
func judge(q request, r reply, parse func(request, []byte) (answer, bool), what string) (Outcome, answer) {
	if r.err != nil {
		return failed(r, what), answer{}
	}
	a, valid := parse(q, r.body)
	if !valid {
		return unanswered(r), answer{}
	}
	return answered(r.status, a), a
}
