// Package notification takes SettleBank's cancellation notifications (protocol.md, section
// "Cancellation notification") as evidence for cancellations whose outcome is not known.
//
// A notification settles one only where package evidence says that it can be nothing else; whatever
// else it tells is logged. It is answered OK once what follows from it is stored, and FAIL, to have
// it sent again, where that could not be done yet: Redis is away, or a request or inquiry is under
// way whose answer comes first. So notifications may come twice, late and in any order.
//
// SettleBank sends what becomes of a payment to one address, which the payment named. Whoever
// answers OK to an approval, an account number or a deposit makes that payment disappear for the
// shop. So those are answered FAIL, and told of loudly, until the shop takes them.
//
// The hash of a notification does not cover which payment it is about. So only those from
// SettleBank's own addresses are taken, by the address of the connection: behind a proxy every
// connection comes from the proxy, and none would be.
package notification

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"settlecancel/cmd/settlecancel/evidence"
	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// Ledger is the part of ledger.Ledger that a notification needs.
type Ledger interface {
	Transaction(ctx context.Context, mchtID, orgTrdNo string) ([]ledger.Record, error)
	Prove(ctx context.Context, key string, e ledger.Evidence) (ledger.Record, error)
}

// Gateway is the part of gateway.Client that a notification needs.
type Gateway interface {
	Notification(form url.Values) (gateway.Notification, error)
}

// Options of a Handler. All but Logger, slog.Default by default, and Now, time.Now by default, are
// required.
type Options struct {
	Ledger    Ledger
	Gateway   Gateway
	Addresses []netip.Prefix // where notifications come from
	Logger    *slog.Logger
	Now       func() time.Time
}

// The limits of a notification.
const (
	maxForm  = 64 << 10         // bytes; documented ones have some hundred
	maxTime  = 10 * time.Second // to read and write Redis
	logEvery = time.Minute      // how often strangers are told of: anybody may come
)

// Handler returns notifications, POSTed as forms.
type Handler struct {
	opts Options
	log  *slog.Logger
	told atomic.Int64 // when a stranger was told of, in ns
}

// New returns a Handler.
func New(o Options) (*Handler, error) {
	if o.Ledger == nil || o.Gateway == nil || len(o.Addresses) == 0 {
		return nil, errors.New("noti: Ledger, Gateway and Addresses are required")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Handler{opts: o, log: o.Logger}, nil
}

// ServeHTTP returns 403 to strangers and 405 to other methods; else 200 with OK or FAIL, which is
// what SettleBank reads.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.trusts(r.RemoteAddr) {
		h.stranger(r)
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	answer := "OK"
	if err := h.take(r); err != nil {
		answer = "FAIL"
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	_, _ = io.WriteString(w, answer)
}

func (h *Handler) trusts(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	from := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(h.opts.Addresses, func(p netip.Prefix) bool { return p.Contains(from) })
}

// stranger tells of a connection that is not trusted, now and then.
func (h *Handler) stranger(r *http.Request) {
	now, told := h.opts.Now().UnixNano(), h.told.Load()
	if told != 0 && now-told < int64(logEvery) || !h.told.CompareAndSwap(told, now) {
		return
	}
	h.log.WarnContext(r.Context(), "notification refused: it comes from none of NOTI_ADDRESSES", "address", r.RemoteAddr)
}

// take reads a notification and stores what follows. Its error says that it must come again; it is
// logged.
func (h *Handler) take(r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		h.log.WarnContext(r.Context(), "notification refused: it cannot be read", "error", err)
		return err
	}
	n, err := h.opts.Gateway.Notification(form)
	if err != nil {
		h.log.WarnContext(r.Context(), "notification refused", "error", err)
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), maxTime) // what was begun is ended
	defer cancel()
	log := h.log.With("mcht_id", n.MchtID, "org_trd_no", n.OrgTrdNo, "trd_no", n.TrdNo)
	if n.Payment {
		log.ErrorContext(ctx, "notification of a payment, which belongs to the shop: it is answered FAIL and comes again; "+
			"let the shop take the notifications and hand on only those with bizType C0 and C1")
		return errPayment
	}
	if !n.Done || !n.Cancellation {
		log.InfoContext(ctx, "notification of no cancellation that was carried out")
		return nil
	}
	if n.OrgTrdNo == "" {
		log.WarnContext(ctx, "notification decides nothing: it names no payment")
		return nil
	}
	return h.weigh(ctx, n, log)
}

// errUnderWay says that an attempt holds the cancellation; it is brief.
var errUnderWay = errors.New("an attempt is under way, whose answer comes first")

// errPayment says that a notification is for somebody else, who must not miss it.
var errPayment = errors.New("it tells of a payment")

// weigh finds what a notification is evidence for.
func (h *Handler) weigh(ctx context.Context, n gateway.Notification, log *slog.Logger) error {
	records, err := h.opts.Ledger.Transaction(ctx, n.MchtID, n.OrgTrdNo)
	if err != nil {
		log.ErrorContext(ctx, "notification not stored: it is asked for again", "error", err)
		return err
	}
	// What SettleBank gave another number is another cancellation.
	records = slices.DeleteFunc(records, func(r ledger.Record) bool {
		number := evidence.NumberOf(r)
		return number != "" && number != n.TrdNo
	})
	line := evidence.Line{TrdNo: n.TrdNo, MchtTrdNo: n.MchtTrdNo, OrgTrdNo: n.OrgTrdNo, Amount: n.Amount, At: n.Time, Own: n.OwnID}
	link := evidence.Match([]evidence.Line{line}, records)[0]
	if link.Record < 0 {
		if link.How == evidence.Several {
			log.WarnContext(ctx, "notification decides nothing: it is one of several cancellations whose outcome is not known, or somebody else's")
		} else {
			log.InfoContext(ctx, "notification of a cancellation that is none of the ledger's")
		}
		return nil
	}
	r := records[link.Record]
	log = log.With("key", r.Key, "status", r.Status)
	switch {
	case r.Status == ledger.Sending:
		log.InfoContext(ctx, "notification is asked for again", "error", errUnderWay)
		return errUnderWay
	case r.Ended() && r.Status != ledger.Rejected:
		if r.Amount != n.Amount {
			log.WarnContext(ctx, "notification tells another amount", "amount", n.Amount)
		}
		log.DebugContext(ctx, "notification of what is known")
		return nil
	case !evidence.Unsettled(r):
		log.ErrorContext(ctx, "notification contradicts the ledger: resolve it as cancelled, if this is it")
		return nil
	case r.Amount != n.Amount, !evidence.InKRW(r):
		log.WarnContext(ctx, "notification decides nothing: the amounts cannot be compared", "amount", n.Amount)
		return nil
	}
	return h.settle(ctx, r, line, log)
}

// settle ends a record as cancelled.
func (h *Handler) settle(ctx context.Context, r ledger.Record, line evidence.Line, log *slog.Logger) error {
	_, err := evidence.Settle(ctx, h.opts.Ledger, r.Key, evidence.Noti, line)
	switch {
	case err == nil:
		log.InfoContext(ctx, "settled by a notification: cancelled")
		return nil
	case errors.Is(err, ledger.ErrEnded), errors.Is(err, ledger.ErrNotFound):
		log.InfoContext(ctx, "notification of what has ended meanwhile")
		return nil
	case errors.Is(err, ledger.ErrBusy):
		log.InfoContext(ctx, "notification is asked for again", "error", errUnderWay)
		return err
	}
	log.ErrorContext(ctx, "notification not stored: it is asked for again", "error", err)
	return err
}
