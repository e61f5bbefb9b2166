package gateway

import (
	"slices"
	"sync"

	"settlecancel/gateway/settlebank"
)

// maxProviders bounds how many payments' providers are remembered.
const maxProviders = 4096

// providers remembers under which name the gateway knows an easy payment: an inquiry has to bear
// its provider's, which nobody is told. What was answered for a payment is asked first the next
// time, then what was answered last for its merchant. The zero value remembers nothing yet.
type providers struct {
	mu     sync.Mutex
	known  map[[2]string]string // by merchant and order number
	oldest [][2]string          // a ring of the keys of known
	next   int                  // where the ring is overwritten
	last   map[string]string    // by merchant; there are few
}

// names returns the names to ask with, in order.
func (p *providers) names(r InquiryRequest) []string {
	names := settlebank.InquiryMethods(r.Method)
	if len(names) == 1 {
		return names
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, first := range []string{p.last[r.MchtID], p.known[[2]string{r.MchtID, r.OrgMchtTrdNo}]} {
		if i := slices.Index(names, first); i > 0 {
			names = slices.Insert(slices.Delete(names, i, i+1), 0, first)
		}
	}
	return names
}

// remember keeps that the gateway knows the payment by a name.
func (p *providers) remember(r InquiryRequest, name string) {
	if len(settlebank.InquiryMethods(r.Method)) == 1 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known, p.last = map[[2]string]string{}, map[string]string{}
	}
	p.last[r.MchtID] = name
	key := [2]string{r.MchtID, r.OrgMchtTrdNo}
	if _, again := p.known[key]; !again {
		if len(p.oldest) < maxProviders {
			p.oldest = append(p.oldest, key)
		} else {
			delete(p.known, p.oldest[p.next])
			p.oldest[p.next] = key
			p.next = (p.next + 1) % maxProviders
		}
	}
	p.known[key] = name
}
