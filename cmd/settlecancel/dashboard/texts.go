package dashboard

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The languages of our pages.
const (
	english = "en"
	korean  = "ko"
)

var languages = []string{english, korean}

//go:embed texts/*.json
var textFiles embed.FS

// texts holds what our pages say, by language and key. Both languages have the same keys.
type texts map[string]map[string]string

func loadTexts() (texts, error) {
	all := texts{}
	for _, lang := range languages {
		raw, err := textFiles.ReadFile("texts/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("dashboard: texts: %w", err)
		}
		var t map[string]string
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, fmt.Errorf("dashboard: texts/%s.json: %w", lang, err)
		}
		all[lang] = t
	}
	var missing []error
	for _, lang := range languages {
		for _, other := range languages {
			for key := range all[other] {
				if all[lang][key] == "" {
					missing = append(missing, fmt.Errorf("dashboard: texts/%s.json lacks %q", lang, key))
				}
			}
		}
	}
	return all, errors.Join(missing...)
}

func (t texts) of(lang string) map[string]string { return t[lang] }

const langCookie = "settlecancel_lang"

// language returns the language of an answer: what the link says, else what an earlier one said,
// else what the browser asks for. A link is remembered.
func (d *Dashboard) language(w http.ResponseWriter, r *http.Request) string {
	if lang := r.URL.Query().Get("lang"); slices.Contains(languages, lang) {
		http.SetCookie(w, &http.Cookie{Name: langCookie, Value: lang, Path: root, MaxAge: 365 * 24 * 60 * 60,
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
		return lang
	}
	if c, err := r.Cookie(langCookie); err == nil && slices.Contains(languages, c.Value) {
		return c.Value
	}
	return preferred(r.Header.Get("Accept-Language"))
}

// preferred returns the language of ours that an Accept-Language header ranks highest.
func preferred(header string) string {
	best, rank := english, 0.0
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		q := 1.0
		if given, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(given, 64); err != nil {
				continue
			}
		}
		if slices.Contains(languages, primary) && q > rank {
			best, rank = primary, q
		}
	}
	return best
}
