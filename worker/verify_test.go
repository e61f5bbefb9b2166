package worker

import "testing"

func TestVerify(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s    Sighting
		want Verdict
	}{
		"partial, nothing more than confirmed":     {Sighting{Confirmed: 300, Amount: 200, Shown: 300}, NotApplied},
		"partial, confirmed and this":              {Sighting{Confirmed: 300, Amount: 200, Shown: 500}, Applied},
		"partial that takes the rest":              {Sighting{Confirmed: 300, Amount: 700, Shown: 1000, AllCancelled: true}, Applied},
		"partial, less than confirmed":             {Sighting{Confirmed: 300, Amount: 200, Shown: 0}, Undecided},
		"partial, another sum":                     {Sighting{Confirmed: 300, Amount: 200, Shown: 400}, Undecided},
		"partial, everything by somebody else":     {Sighting{Confirmed: 0, Amount: 200, Shown: 1000, AllCancelled: true}, Undecided},
		"partial, cancelled without a sum":         {Sighting{Confirmed: 0, Amount: 200, Shown: 0, AllCancelled: true}, Undecided},
		"partial, applied with another in doubt":   {Sighting{Confirmed: 0, Amount: 200, Shown: 200, Doubt: 1}, Undecided},
		"partial, nothing with another in doubt":   {Sighting{Confirmed: 0, Amount: 200, Shown: 0, Doubt: 1}, NotApplied},
		"full, cancelled":                          {Sighting{Amount: 1000, Full: true, Shown: 1000, AllCancelled: true}, Applied},
		"full, cancelled by its code alone":        {Sighting{Amount: 1000, Full: true, AllCancelled: true}, Applied},
		"full, cancelled by its sum alone":         {Sighting{Amount: 1000, Full: true, Shown: 1000}, Applied},
		"withdrawn":                                {Sighting{AllCancelled: true}, Applied},
		"not withdrawn":                            {Sighting{}, NotApplied},
		"full, nothing":                            {Sighting{Amount: 1000, Full: true}, NotApplied},
		"full, a part by somebody else":            {Sighting{Amount: 1000, Full: true, Shown: 400}, Undecided},
		"full, cancelled with another one's doubt": {Sighting{Amount: 1000, Full: true, AllCancelled: true, Shown: 1000, Doubt: 1}, Applied},
	} {
		if got := Verify(c.s); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
