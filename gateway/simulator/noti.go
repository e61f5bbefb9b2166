package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"settlecancel/gateway/settlebank"
)

const (
	notiSenders     = 4               // how many notifications are sent at once
	notiTimeout     = 5 * time.Second // for one attempt
	defaultAttempts = 5
	defaultRetry    = time.Second
)

// NotiStats is what became of the cancellation notifications.
type NotiStats struct {
	Pending   int   `json:"pending"`   // waiting, or being sent
	Attempts  int64 `json:"attempts"`  // posts that were tried
	Delivered int64 `json:"delivered"` // answered OK
	GivenUp   int64 `json:"givenUp"`   // never answered OK
}

// notiQueue holds the effects that somebody is still to be told of. Whoever calls it holds the lock
// of its state.
type notiQueue struct {
	url     string // empty: nobody is told
	waiting []int  // places among the effects
	sending int
	counts  NotiStats
	wake    chan struct{} // closed when there is something to send
	woken   bool
}

func (q *notiQueue) stats() NotiStats {
	counts := q.counts
	counts.Pending = len(q.waiting) + q.sending
	return counts
}

// add queues an effect, if anybody wants to be told of it.
func (q *notiQueue) add(effect int) {
	if q.url == "" {
		return
	}
	q.waiting = append(q.waiting, effect)
	if !q.woken {
		close(q.wake)
		q.woken = true
	}
}

// turn sets where to send; nowhere ends what waits.
func (q *notiQueue) turn(url string) {
	if q.url = url; url == "" {
		q.waiting = nil
	}
}

// noti is a notification to be sent.
type noti struct {
	url, form        string
	mchtID, orgTrdNo string
}

// next takes a notification out of the queue. Where there is none, it returns a channel that is
// closed once there is. It takes the lock.
func (st *state) nextNoti(merchants map[string]Merchant) (*noti, <-chan struct{}) {
	st.mu.Lock()
	defer st.mu.Unlock()
	q := &st.notis
	if len(q.waiting) == 0 {
		if q.woken {
			q.wake, q.woken = make(chan struct{}), false
		}
		return nil, q.wake
	}
	e := &st.effects[q.waiting[0]]
	q.waiting = q.waiting[1:]
	q.sending++
	t := st.bank.byTrdNo[name{e.MchtID, e.OrgTrdNo}]
	return &noti{q.url, notiForm(e, t, merchants[e.MchtID]).Encode(), e.MchtID, e.OrgTrdNo}, nil
}

// notiForm is the form of "Cancellation notification" in protocol.md. A cancellation without an id
// of its own goes by the merchant's order number; its amount is trdAmt.
func notiForm(e *Effect, t *transaction, m Merchant) url.Values {
	const outStatCd = "0021"
	at, id, amount := e.Time.In(settlebank.KST), e.idOf(t), strconv.FormatInt(e.Amount, 10)
	date, clock := at.Format(settlebank.DateLayout), at.Format(settlebank.ClockLayout)
	bizType, cnclType := "C0", "00"
	if e.Operation == OperationRefund {
		bizType = "C1"
	}
	if e.Amount < t.Amount {
		cnclType = "10"
	}
	return url.Values{
		"outStatCd": {outStatCd},
		"trdNo":     {e.CanTrdNo},
		"method":    {t.collatesAs()},
		"bizType":   {bizType},
		"mchtId":    {e.MchtID},
		"mchtTrdNo": {id},
		"trdDtm":    {date + clock},
		"trdAmt":    {amount},
		"orgTrdNo":  {e.OrgTrdNo},
		"orgTrdDt":  {t.OrgTrdDt},
		"cnclType":  {cnclType},
		"pktHash":   {m.sign(outStatCd, date, clock, e.MchtID, id, amount)},
	}
}

// notifier sends notifications from a few goroutines, which begin when the first is asked for and
// end with close.
type notifier struct {
	ctx    context.Context // ended by stop
	stop   context.CancelFunc
	client *http.Client

	mu      sync.Mutex
	started bool
	senders sync.WaitGroup
}

func newNotifier() *notifier {
	n := &notifier{client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: notiSenders, IdleConnTimeout: notiTimeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       notiTimeout,
	}}
	n.ctx, n.stop = context.WithCancel(context.Background())
	return n
}

// start begins the senders, once.
func (n *notifier) start(send func()) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return errors.New("the simulator is closed")
	}
	if n.started {
		return nil
	}
	n.started = true
	for range notiSenders {
		n.senders.Go(send)
	}
	return nil
}

// close ends the senders and waits for them.
func (n *notifier) close() {
	n.mu.Lock()
	n.stop()
	n.mu.Unlock()
	n.senders.Wait()
	n.client.CloseIdleConnections()
}

// SetNoti tells every effect from now on to a URL, as a cancellation notification; an empty one
// ends that. The error says what is wrong with the URL, or that the simulator is closed.
func (s *Simulator) SetNoti(target string) error {
	if err := checkNotiURL(target); err != nil {
		return err
	}
	if target != "" {
		if err := s.notifier.start(s.sendNotis); err != nil {
			return fmt.Errorf("noti: %w", err)
		}
	}
	st := s.state.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	st.notis.turn(target)
	return nil
}

func checkNotiURL(target string) error {
	u, err := url.Parse(target)
	if target != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		return fmt.Errorf("noti: url %q: must be absolute, http or https", target)
	}
	return nil
}

// sendNotis sends one notification after the other.
func (s *Simulator) sendNotis() {
	for s.notifier.ctx.Err() == nil {
		st := s.state.Load()
		next, wake := st.nextNoti(s.merchants)
		if next != nil {
			s.sendNoti(st, next)
			continue
		}
		select {
		case <-wake:
		case <-st.closed:
		case <-s.notifier.ctx.Done():
		}
	}
}

// sendNoti tries a few times to deliver a notification.
func (s *Simulator) sendNoti(st *state, n *noti) {
	delivered := false
	for attempt := 1; attempt <= s.options.NotiAttempts && !delivered; attempt++ {
		if attempt > 1 && !s.notifier.wait(s.options.NotiRetry, st.closed) {
			break
		}
		delivered = s.notifier.post(n)
		st.mu.Lock()
		st.notis.counts.Attempts++
		st.touched()
		st.mu.Unlock()
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.notis.sending--
	if delivered {
		st.notis.counts.Delivered++
	} else {
		st.notis.counts.GivenUp++
	}
	st.touched()
	s.options.Logger.Debug("simulator ended notification", "mcht_id", n.mchtID, "org_trd_no", n.orgTrdNo, "delivered", delivered)
}

// wait reports whether the time passed before everything ended.
func (n *notifier) wait(d time.Duration, closed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-closed:
	case <-n.ctx.Done():
	}
	return false
}

// post reports whether the merchant answered OK.
func (n *notifier) post(what *noti) bool {
	req, err := http.NewRequestWithContext(n.ctx, http.MethodPost, what.url, strings.NewReader(what.form))
	if err != nil {
		return false // nothing the loop of attempts could mend
	}
	req.Header.Set("Content-Type", contentForm+"; charset=UTF-8")
	resp, err := n.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	return err == nil && resp.StatusCode == http.StatusOK && strings.TrimSpace(string(answer)) == "OK"
}
