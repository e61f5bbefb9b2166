package simulator

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const contentForm = "application/x-www-form-urlencoded"

// collationFields is the request of "Daily collation" in protocol.md.
var collationFields = []fieldSpec{
	{name: "mchtId", max: 12, missing: "ST91", tooLong: "ST09"},
	{name: "mchtTy", max: 1, missing: "ST91", tooLong: "ST09", valid: oneOf("M")},
	{name: "method", max: 2, missing: "ST91", tooLong: "ST09", valid: isMethod, taken: isInquiryMethod},
	{name: "pdTy", max: 1, missing: "ST91", tooLong: "ST09", valid: oneOf("D")},
	{name: "trdDtSt", max: 8, missing: "ST91", tooLong: "ST09", valid: isDate},
	{name: "pktHash", max: 64, missing: "ST91", tooLong: "ST09"},
}

// The refusals of a collation, which has codes of its own.
var (
	collationInvalid  = refusal{"ST09", "유효하지 않은 요청 파라미터입니다."}
	collationMerchant = refusal{"ST90", "등록되지 않은 상점입니다."}
	collationHash     = refusal{"ST92", "해쉬값이 일치하지 않습니다."}
	collationEmpty    = refusal{"1001", "조회된 내역이 없습니다."}
)

// collationMerchantOf returns the merchant in /api/pg/{mchtId}/transInfo.do, and whether the path
// is of that form.
func collationMerchantOf(path string) (mchtID string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/api/pg/")
	if !ok {
		return "", false
	}
	mchtID, ok = strings.CutSuffix(rest, "/transInfo.do")
	return mchtID, ok && mchtID != "" && !strings.Contains(mchtID, "/")
}

// serveCollation takes a form, in the query of a GET or the body of a POST. mchtID is what the path
// says.
func (s *Simulator) serveCollation(w http.ResponseWriter, r *http.Request, mchtID string) {
	form, status := readForm(w, r)
	s.serve(w, r, PathCollation, form, status, func(conduct Conduct, form []byte) call {
		return s.readCollation(conduct, mchtID, string(form))
	})
}

// readForm returns the form of a request, as it was sent, or the HTTP status that turns it away.
func readForm(w http.ResponseWriter, r *http.Request) ([]byte, int) {
	var tooLarge *http.MaxBytesError
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch r.Method {
	case http.MethodGet:
		return []byte(r.URL.RawQuery), 0
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, http.StatusMethodNotAllowed
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch {
	case !strings.EqualFold(strings.TrimSpace(mediaType), contentForm):
		return body, http.StatusUnsupportedMediaType
	case errors.As(err, &tooLarge):
		return body, http.StatusRequestEntityTooLarge
	case err != nil:
		return body, http.StatusBadRequest
	default:
		return body, 0
	}
}

// readCollation checks a collation: fields, merchant, hash over mchtId + trdDtSt. The
// authentication key that ends it is the merchant's hash key.
func (s *Simulator) readCollation(conduct Conduct, mchtID, form string) call {
	o, err := decodeForm(form)
	method, provider := methodAndProvider(o.get("method"))
	c := call{protocol: collation{}, path: PathCollation, conduct: conduct, terms: terms{
		mchtID:   o.get("mchtId"),
		method:   method,
		provider: provider,
		lax:      conduct.real(),
		orgTrdDt: o.get("trdDtSt"),
	}}
	if c.refused = checkFields(o, collationFields, conduct); c.refused.code == refusedValue.code {
		c.refused.code = collationInvalid.code
	}
	merchant, known := s.merchants[c.terms.mchtID]
	switch {
	case err != nil:
		c.refused = collationInvalid
	case c.refused.code != "":
	case c.terms.mchtID != mchtID:
		c.refused = refusal{collationInvalid.code, collationInvalid.message + " mchtId"}
	case !known:
		c.refused = collationMerchant
	case merchant.sign(c.terms.mchtID, c.terms.orgTrdDt) != o.get("pktHash"):
		c.refused = collationHash
	}
	return c
}

// decodeForm reads a form, and refuses a name that comes twice.
func decodeForm(form string) (object, error) {
	values, err := url.ParseQuery(form)
	if err != nil || len(values) > maxFields {
		return nil, errMalformed
	}
	var o object
	for name, all := range values {
		if len(all) != 1 {
			return nil, errMalformed
		}
		o = append(o, field{name, all[0]})
	}
	return o, nil
}

// collation returns a daily collation.
type collation struct{}

func (collation) explain(verdict, string) refusal { return refusal{} }

func (collation) reply(res result) (string, body) {
	switch {
	case res.code != "":
		return res.code, collationBody{first: res.refusal, extra: res.extra()}
	case len(res.list.records) == 0:
		return collationEmpty.code, collationBody{first: collationEmpty, extra: res.extra()}
	default:
		return "0000", collationBody{first: refusal{"0000", okMessage}, list: res.list, extra: res.extra()}
	}
}
