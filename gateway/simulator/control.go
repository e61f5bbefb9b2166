package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxControl bounds a request to the control interface: some 100,000 originals.
const maxControl = 32 << 20

// controlCall is one call of the control interface.
type controlCall struct {
	pattern string // method and path
	about   string // what the index says of it
	serve   func(*Simulator, http.ResponseWriter, *http.Request) error
}

// controlCalls are all calls, in the order of the index.
func controlCalls() []controlCall {
	return []controlCall{
		{"GET /_sim/{$}", "this list", (*Simulator).controlIndex},
		{"POST /_sim/originals", "register one original or a list of them", (*Simulator).controlRegister},
		{"GET /_sim/originals/{mchtId}/{orgTrdNo}", "an original, its cancellations, who is at it", (*Simulator).controlOriginal},
		{"POST /_sim/elsewhere", "cancel an amount as on the vendor's own site", (*Simulator).controlElsewhere},
		{"GET /_sim/conduct", "temper and protocol: how requests are taken and answered", (*Simulator).controlConduct},
		{"POST /_sim/conduct", "set temper, strict or real, and protocol, flat, 0A19 or both", (*Simulator).controlSetConduct},
		{"POST /_sim/noti", "set the URL that effects are told to, empty for none", (*Simulator).controlNoti},
		{"POST /_sim/faults", "add one rule or a list of them", (*Simulator).controlScript},
		{"GET /_sim/faults", "the rules, how often each was met, and the random faults", (*Simulator).controlFaults},
		{"DELETE /_sim/faults", "remove all rules and end the random faults", (*Simulator).controlClearFaults},
		{"DELETE /_sim/faults/{id}", "remove one rule", (*Simulator).controlRemoveFault},
		{"POST /_sim/chaos", "random faults: rate, seed, kinds, inquiries", (*Simulator).controlChaos},
		{"GET /_sim/received", "requests, oldest first; ?mchtId= &orgTrdNo= &limit= (the last so many, default 100)", (*Simulator).controlReceived},
		{"GET /_sim/effects", "cancellations applied; ?mchtId= &orgTrdNo= &after=SEQ &format=ndjson", (*Simulator).controlEffects},
		{"GET /_sim/stats", "the counts", (*Simulator).controlStats},
		{"POST /_sim/reset", "make everything as it was at the start", (*Simulator).controlReset},
	}
}

// controlHandler serves the calls; an error a call returns is bad input, every fault of it on a
// line of its own.
func (s *Simulator) controlHandler() http.Handler {
	mux := http.NewServeMux()
	for _, c := range controlCalls() {
		mux.HandleFunc(c.pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxControl)
			if err := c.serve(s, w, r); err != nil {
				writeControl(w, http.StatusBadRequest, map[string][]string{"errors": strings.Split(err.Error(), "\n")})
			}
		})
	}
	return mux
}

// writeControl returns with JSON.
func writeControl(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		writePage(w, http.StatusInternalServerError)
		return
	}
	write(w, status, contentJSON, body.Bytes())
}

func writeNotFound(w http.ResponseWriter, what string) {
	writeControl(w, http.StatusNotFound, map[string][]string{"errors": {"no such " + what}})
}

// readControl decodes a body strictly: one JSON value, no unknown field.
func readControl(r io.Reader, v any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("body: something stands behind the JSON value")
	}
	return nil
}

// readOneOrMany decodes a body that is one T or a list of them.
func readOneOrMany[T any](r io.Reader) ([]T, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		var many []T
		return many, readControl(bytes.NewReader(body), &many)
	}
	one := make([]T, 1)
	return one, readControl(bytes.NewReader(body), &one[0])
}

// eachFault names the place in the list of each fault of an element.
func eachFault[T any](list []T, check func(T) error) error {
	var faults []error
	for i, v := range list {
		if err := check(v); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				faults = append(faults, fmt.Errorf("%d: %s", i, line))
			}
		}
	}
	return errors.Join(faults...)
}

func (s *Simulator) controlIndex(w http.ResponseWriter, _ *http.Request) error {
	type entry struct {
		Call  string `json:"call"`
		About string `json:"about"`
	}
	var entries []entry
	for _, c := range controlCalls() {
		entries = append(entries, entry{strings.TrimSuffix(c.pattern, "{$}"), c.about})
	}
	writeControl(w, http.StatusOK, entries)
	return nil
}
