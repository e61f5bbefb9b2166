package dashboard

import (
	"cmp"
	"context"
	"net/http"

	"settlecancel/gateway/settlebank"
)

// ownPolicy lets our pages load their stylesheet and the one small script of ours, read themselves
// again, send their forms, and nothing else.
const ownPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers that every answer carries. Pages of asynqmon set a policy of their own,
// and assets may be kept.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", ownPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not "no-referrer": with it a browser that speaks plain HTTP to another machine hides even
		// from us where a form came from, and sameOrigin would have to refuse it.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses what a page of another origin sends in the name of whoever looks at it.
func sameOrigin(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "refused: the request comes from a page of another origin; open "+cancellations+" and do it there", http.StatusForbidden)
	}))
	return p.Handler(next)
}

type personKey struct{}

// identify finds out who asks.
func (d *Dashboard) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := Person{Name: "ops"}, true
		if d.opts.Who != nil {
			p, ok = d.opts.Who(w, r)
		} else if !settlebank.LoopbackRequest(r.Host) {
			// Without credentials a foreign page whose name was made to lead to this machine would
			// pass for ours.
			http.Error(w, "refused: without credentials the dashboard answers as localhost or 127.0.0.1 alone; set OPS_USER and OPS_PASSWORD",
				http.StatusMisdirectedRequest)
			return
		}
		if !ok {
			return
		}
		p.Name = cmp.Or(cut(clean(p.Name), maxName), "ops")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), personKey{}, p)))
	})
}

const maxName = 100

// person returns whom identify found.
func person(r *http.Request) Person {
	p, _ := r.Context().Value(personKey{}).(Person)
	return p
}

// who returns the name of whom identify found.
func who(r *http.Request) string { return person(r).Name }
