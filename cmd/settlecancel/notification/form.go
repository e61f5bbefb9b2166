package notification

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
)

// readForm reads the form of a notification from the body alone. SettleBank encodes it in EUC-KR
// unless it was asked for UTF-8, and need not say what it is: a missing content type counts as the
// form's.
func readForm(r *http.Request) (url.Values, error) {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != "application/x-www-form-urlencoded" && media != "text/plain" {
			return nil, errors.New("it is no form")
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("its form is damaged")
	}
	for _, values := range form {
		for i, v := range values {
			if utf8.ValidString(v) {
				continue
			}
			if decoded, err := korean.EUCKR.NewDecoder().String(v); err == nil {
				values[i] = decoded
			}
		}
	}
	return form, nil
}
