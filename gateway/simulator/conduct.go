package simulator

import (
	"errors"
	"fmt"
	"net/http"
)

// Temper is how exactly a gateway takes the documents, in what it accepts and in what it answers.
type Temper string

const (
	// TemperStrict takes a request that the documents describe and no other, and answers to the
	// letter: every slip of a client shows.
	TemperStrict Temper = "strict"
	// TemperReal takes what merchants are known to send, and answers as unevenly as the real gateway
	// is known to; see the package comment.
	TemperReal Temper = "real"
)

// Protocols are the protocols a gateway knows for moving money. Inquiry 0A1M and the daily
// collation go with each of them.
type Protocols string

const (
	ProtocolsBoth Protocols = "both" // the body's shape tells which is spoken
	ProtocolsFlat Protocols = "flat" // answers a nested request flat, with a refusal
	Protocols0A19 Protocols = "0A19" // answers a flat request, an inquiry too, with a nested or a bare refusal
)

// Conduct is how a gateway takes requests and answers them. Empty fields stand for TemperStrict and
// ProtocolsBoth.
type Conduct struct {
	Temper   Temper    `json:"temper"`
	Protocol Protocols `json:"protocol"`
}

// ready fills in what is left open; the error names every fault.
func (c Conduct) ready() (Conduct, error) {
	if c.Temper == "" {
		c.Temper = TemperStrict
	}
	if c.Protocol == "" {
		c.Protocol = ProtocolsBoth
	}
	var faults []error
	if c.Temper != TemperStrict && c.Temper != TemperReal {
		faults = append(faults, fmt.Errorf("temper %q: must be %s or %s", c.Temper, TemperStrict, TemperReal))
	}
	switch c.Protocol {
	case ProtocolsBoth, ProtocolsFlat, Protocols0A19:
	default:
		faults = append(faults, fmt.Errorf("protocol %q: must be %s, %s or %s", c.Protocol, ProtocolsFlat, Protocols0A19, ProtocolsBoth))
	}
	return c, errors.Join(faults...)
}

func (c Conduct) real() bool { return c.Temper == TemperReal }

// SetConduct makes the requests that come from now on be taken and answered otherwise. The error
// names everything that is wrong with it.
func (s *Simulator) SetConduct(c Conduct) error {
	ready, err := c.ready()
	if err != nil {
		return fmt.Errorf("conduct: %w", err)
	}
	s.state.Load().conduct.Store(&ready)
	return nil
}

// Conduct returns how requests are taken and answered now.
func (s *Simulator) Conduct() Conduct { return *s.state.Load().conduct.Load() }

func (s *Simulator) controlConduct(w http.ResponseWriter, _ *http.Request) error {
	writeControl(w, http.StatusOK, s.Conduct())
	return nil
}

// controlSetConduct sets what is told and leaves the rest as it is.
func (s *Simulator) controlSetConduct(w http.ResponseWriter, r *http.Request) error {
	wire := s.Conduct()
	if err := readControl(r.Body, &wire); err != nil {
		return err
	}
	if err := s.SetConduct(wire); err != nil {
		return err
	}
	writeControl(w, http.StatusOK, s.Conduct())
	return nil
}
