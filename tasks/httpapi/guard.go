package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"settlecancel/gateway/settlebank"
)

// Token lets a producer in.
type Token struct {
	Name  string            // for the record and the log
	Token settlebank.Secret // what follows "Bearer "
}

// Credentials let one of ops in, by basic authentication.
type Credentials struct {
	User      string
	Password  settlebank.Secret
	LooksOnly bool // lets them look at what [API.Ops] guards, and at nothing else
}

// Proxy signs people in, and says in a header who asks.
type Proxy struct {
	Header string         // the proxy sets it, or removes it, in every request
	From   []netip.Prefix // where the proxy's connections come from
}

// Person is one of ops.
type Person struct {
	Name      string // for the record
	LooksOnly bool   // may change nothing
}

// role is what a caller may do.
type role int

const (
	nobody   role = iota
	looker        // looks at what API.Ops guards
	producer      // accepts, and looks at what it has the key of
	ops           // everything
)

// caller is who is asking.
type caller struct {
	name string
	role role
}

// Failed logins of one address: some at once, then one every few seconds.
const (
	loginBurst     = 10
	loginEvery     = 6 * time.Second
	loginAddresses = 4096
)

type digest = [sha256.Size]byte

// guard tells who is asking. Of secrets it keeps digests alone, which are of one length and
// compared whole, so that the time this takes tells nothing.
type guard struct {
	tokens []knownToken
	ops    []knownOps
	logins *limiters

	proxied bool // a proxy signs people in, so that nobody is of ops without credentials
}

type knownToken struct {
	name string
	sum  digest
}

type knownOps struct {
	user, password digest
	role           role
}

func newGuard(tokens []Token, people []Credentials) *guard {
	g := &guard{logins: newLimiters(rate.Every(loginEvery), loginBurst, loginAddresses)}
	for _, t := range tokens {
		g.tokens = append(g.tokens, knownToken{t.Name, sha256.Sum256(t.Token.Bytes())})
	}
	for _, c := range people {
		known := knownOps{sha256.Sum256([]byte(c.User)), sha256.Sum256(c.Password.Bytes()), ops}
		if c.LooksOnly {
			known.role = looker
		}
		g.ops = append(g.ops, known)
	}
	return g
}

// identify returns who a request says it is from, nobody where it says nothing that can be checked.
// What it says wrong is a failed login. Of wrong passwords too many stop those from the same
// address, right ones too: passwords can be guessed. Tokens cannot: wrong ones are only slowed
// down, and neither a producer nor ops behind the same proxy suffer for them.
func (g *guard) identify(r *http.Request, now time.Time) (caller, *problem) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	from := address(r)
	switch {
	case strings.EqualFold(scheme, "Bearer") && len(g.tokens) > 0:
		if name, ok := g.token(strings.TrimSpace(value)); ok {
			return caller{name, producer}, nil
		}
		from += " token"
	case strings.EqualFold(scheme, "Basic") && len(g.ops) > 0:
		if wait := g.logins.left(from, now); wait > 0 {
			return caller{}, tooManyLogins(wait)
		}
		if c, ok := g.basic(r); ok {
			return c, nil
		}
	default:
		return caller{}, nil
	}
	if wait := g.logins.take(from, now); wait > 0 {
		return caller{}, tooManyLogins(wait)
	}
	return caller{}, newProblem(unauthorized, "the credentials are not valid").with("WWW-Authenticate", g.challenges(true)...)
}

// admit lets a caller through to an operation that needs a role. Where nothing is configured that
// could prove the role, the server is reachable from this machine alone, and so whoever asks has
// it; unless a foreign page asks, whose name was made to lead to this machine.
func (g *guard) admit(c caller, r *http.Request, need role) (caller, *problem) {
	open := need == producer && len(g.tokens) == 0 || need != producer && len(g.ops) == 0 && !g.proxied
	switch {
	case c.role == producer && need == looker: // a program is nobody of ops
		return c, newProblem(forbidden, "this is for ops: it needs their credentials, not a producer's token")
	case c.role >= need:
		return c, nil
	case c.role == looker:
		return c, newProblem(forbidden, "these credentials let you look at the dashboard alone")
	case c.role == producer:
		return c, newProblem(forbidden, "this is for ops: it needs their credentials, not a producer's token")
	case !open:
		return c, newProblem(unauthorized, "credentials are needed").with("WWW-Authenticate", g.challenges(false)...)
	case !settlebank.LoopbackRequest(r.Host):
		return c, newProblem(misdirected, "without credentials the server answers as localhost or 127.0.0.1 alone")
	case need != producer:
		return caller{"ops", ops}, nil
	}
	return caller{"", producer}, nil
}

const basicChallenge = `Basic realm="settlecancel", charset="UTF-8"`

// challenges tell how to log in.
func (g *guard) challenges(wrong bool) (all []string) {
	if len(g.tokens) > 0 {
		bearer := `Bearer realm="settlecancel"`
		if wrong {
			bearer += `, error="invalid_token"`
		}
		all = append(all, bearer)
	}
	if len(g.ops) > 0 {
		all = append(all, basicChallenge)
	}
	return all
}

// token returns whose token it is.
func (g *guard) token(token string) (string, bool) {
	sum, found := sha256.Sum256([]byte(token)), -1
	for i, t := range g.tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], t.sum[:]), i, found)
	}
	if found < 0 {
		return "", false
	}
	return g.tokens[found].name, true
}

// basic returns whose name and password they are.
func (g *guard) basic(r *http.Request) (caller, bool) {
	user, password, _ := r.BasicAuth()
	u, p, found := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password)), -1
	for i, k := range g.ops {
		both := subtle.ConstantTimeCompare(u[:], k.user[:]) & subtle.ConstantTimeCompare(p[:], k.password[:])
		found = subtle.ConstantTimeSelect(both, i, found)
	}
	if found < 0 {
		return caller{}, false
	}
	return caller{user, g.ops[found].role}, true
}

// said returns the name of the person whom a trusted proxy has signed in, "" where there is none.
func (p *Proxy) said(r *http.Request) string {
	if p == nil {
		return ""
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !slices.ContainsFunc(p.From, func(from netip.Prefix) bool { return from.Contains(at.Addr().Unmap()) }) {
		return ""
	}
	if names := r.Header.Values(p.Header); len(names) == 1 { // of two, one was somebody else's
		return strings.TrimSpace(names[0])
	}
	return ""
}

func tooManyLogins(wait time.Duration) *problem {
	return newProblem(tooMany, "too many failed logins from this address; even the right ones have to wait %.0f s", math.Ceil(wait.Seconds())).retryAfter(wait)
}

// address names where a request comes from: of IPv6 the network, since whoever has one address has
// them all.
func address(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := at.Addr().Unmap()
	if ip.Is6() {
		if network, err := ip.Prefix(64); err == nil {
			return network.String()
		}
	}
	return ip.String()
}
