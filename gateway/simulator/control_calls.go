package simulator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// controlRegister registers all originals of a list or none.
func (s *Simulator) controlRegister(w http.ResponseWriter, r *http.Request) error {
	originals, err := readOneOrMany[Original](r.Body)
	if err != nil {
		return err
	}
	st := s.state.Load()
	st.mu.Lock()
	err = st.bank.registerAll(originals, s.merchants)
	st.mu.Unlock()
	if err != nil {
		return err
	}
	writeControl(w, http.StatusCreated, map[string]int{"registered": len(originals)})
	return nil
}

func (s *Simulator) controlOriginal(w http.ResponseWriter, r *http.Request) error {
	original, ok := s.Original(r.PathValue("mchtId"), r.PathValue("orgTrdNo"))
	if !ok {
		writeNotFound(w, "original")
		return nil
	}
	writeControl(w, http.StatusOK, original)
	return nil
}

// controlFilter is the query of a call that lists: what to show.
type controlFilter struct {
	mchtID, orgTrdNo string // empty: all
	limit            int
	after            int64
	ndjson           bool
}

// readFilter reads a query; the error names every fault, unknown names among them.
func readFilter(query url.Values, allowed ...string) (controlFilter, error) {
	f := controlFilter{mchtID: query.Get("mchtId"), orgTrdNo: query.Get("orgTrdNo"), limit: 100}
	var faults []error
	for name := range query {
		if !slices.Contains(allowed, name) {
			faults = append(faults, fmt.Errorf("%s: no such parameter; known are %s", name, strings.Join(allowed, ", ")))
		}
	}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			faults = append(faults, fmt.Errorf("limit %q: must be a number above zero", text))
		}
		f.limit = n
	}
	if text := query.Get("after"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			faults = append(faults, fmt.Errorf("after %q: must be the seq of an effect", text))
		}
		f.after = n
	}
	switch text := query.Get("format"); text {
	case "", "json":
	case "ndjson":
		f.ndjson = true
	default:
		faults = append(faults, fmt.Errorf("format %q: must be json or ndjson", text))
	}
	return f, errors.Join(faults...)
}

func (f controlFilter) shows(mchtID, orgTrdNo string) bool {
	return (f.mchtID == "" || f.mchtID == mchtID) && (f.orgTrdNo == "" || f.orgTrdNo == orgTrdNo)
}

func (s *Simulator) controlReceived(w http.ResponseWriter, r *http.Request) error {
	filter, err := readFilter(r.URL.Query(), "mchtId", "orgTrdNo", "limit")
	if err != nil {
		return err
	}
	received := slices.DeleteFunc(s.Received(), func(q Request) bool { return !filter.shows(q.MchtID, q.OrgTrdNo) })
	writeControl(w, http.StatusOK, received[max(0, len(received)-filter.limit):])
	return nil
}

// controlEffects streams what may be millions: one JSON array, or one object a line.
func (s *Simulator) controlEffects(w http.ResponseWriter, r *http.Request) error {
	filter, err := readFilter(r.URL.Query(), "mchtId", "orgTrdNo", "after", "format")
	if err != nil {
		return err
	}
	effects := s.state.Load().effectsSoFar()
	open, between, end, contentType := "[", ",", "]\n", contentJSON
	if filter.ndjson {
		open, between, end, contentType = "", "", "", "application/x-ndjson"
	}
	w.Header().Set("Content-Type", contentType)
	out := bufio.NewWriter(w)
	defer out.Flush() // a client that has gone is the client's affair, here and below
	enc := json.NewEncoder(out)
	_, _ = out.WriteString(open)
	first := true
	for _, e := range effects[min(filter.after, int64(len(effects))):] {
		if !filter.shows(e.MchtID, e.OrgTrdNo) {
			continue
		}
		if !first {
			_, _ = out.WriteString(between)
		}
		first = false
		if enc.Encode(e) != nil {
			return nil
		}
	}
	_, _ = out.WriteString(end)
	return nil
}

func (s *Simulator) controlStats(w http.ResponseWriter, _ *http.Request) error {
	writeControl(w, http.StatusOK, s.Stats())
	return nil
}

func (s *Simulator) controlReset(w http.ResponseWriter, _ *http.Request) error {
	s.Reset()
	w.WriteHeader(http.StatusNoContent)
	return nil
}
