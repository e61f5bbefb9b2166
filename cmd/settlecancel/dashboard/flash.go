package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
)

// flash is what the page after a form says once. It names a text and the numbers in it, never the
// text itself.
type flash struct {
	Text string `json:"t"`
	Args []any  `json:"a,omitempty"`
}

const flashCookie = "settlecancel_said"

// redirect sends the browser on to a page that says what was done, so that a reload does not do it
// again.
func (d *Dashboard) redirect(w http.ResponseWriter, r *http.Request, to string, f flash) {
	if raw, err := json.Marshal(f); err == nil {
		http.SetCookie(w, flashOf(r, base64.RawURLEncoding.EncodeToString(raw), 60))
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// said returns what the form before has left to say, and forgets it.
func (d *Dashboard) said(w http.ResponseWriter, r *http.Request) (flash, bool) {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return flash{}, false
	}
	http.SetCookie(w, flashOf(r, "", -1))
	raw, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return flash{}, false
	}
	var f flash
	if json.Unmarshal(raw, &f) != nil || d.texts.of(english)[f.Text] == "" {
		return flash{}, false
	}
	for i, a := range f.Args {
		if n, ok := a.(float64); ok {
			f.Args[i] = int64(n)
		}
	}
	return f, true
}

func flashOf(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: flashCookie, Value: value, Path: root, MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil}
}
