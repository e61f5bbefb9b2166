package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

func clock(hours, minutes int) time.Duration {
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
}

func TestMaintenanceWindows(t *testing.T) {
	t.Parallel()
	workdays := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	tests := []struct {
		name, text string
		want       []Window
		shown      string
	}{
		{
			"OK several", "VA,RA Mon-Fri 23:50-00:10; * Sun 02:00-04:00; 03:00-03:30",
			[]Window{
				{Methods: []string{"VA", "RA"}, Days: workdays, From: clock(23, 50), To: clock(0, 10)},
				{Days: []time.Weekday{time.Sunday}, From: clock(2, 0), To: clock(4, 0)},
				{From: clock(3, 0), To: clock(3, 30)},
			},
			"VA,RA Mon,Tue,Wed,Thu,Fri 23:50-00:10; Sun 02:00-04:00; 03:00-03:30",
		},
		{"OK methods alone", "MP 00:00-00:01", []Window{{Methods: []string{"MP"}, To: clock(0, 1)}}, "MP 00:00-00:01"},
		{"OK days alone", "Tue 00:00-23:59", []Window{{Days: []time.Weekday{time.Tuesday}, To: clock(23, 59)}}, "Tue 00:00-23:59"},
		{"OK one star", "* 01:00-00:59", []Window{{From: clock(1, 0), To: clock(0, 59)}}, "01:00-00:59"},
		{"OK two stars", "* * 01:00-02:00", []Window{{From: clock(1, 0), To: clock(2, 0)}}, "01:00-02:00"},
		{"OK either case", "va mON,WED 01:00-02:00", []Window{{Methods: []string{"VA"}, Days: []time.Weekday{time.Monday, time.Wednesday}, From: clock(1, 0), To: clock(2, 0)}}, "VA Mon,Wed 01:00-02:00"},
		{"OK over the week's end", "Sat-Mon 01:00-02:00", []Window{{Days: []time.Weekday{time.Saturday, time.Sunday, time.Monday}, From: clock(1, 0), To: clock(2, 0)}}, "Sat,Sun,Mon 01:00-02:00"},
		{"OK ranges and days", "Mon-Tue,Tue,Fri 01:00-02:00", []Window{{Days: []time.Weekday{time.Monday, time.Tuesday, time.Friday}, From: clock(1, 0), To: clock(2, 0)}}, "Mon,Tue,Fri 01:00-02:00"},
		{"OK a method twice", "VA,VA 01:00-02:00", []Window{{Methods: []string{"VA"}, From: clock(1, 0), To: clock(2, 0)}}, "VA 01:00-02:00"},
		{"OK white space", "\t* \n Sun\t02:00-04:00  ", []Window{{Days: []time.Weekday{time.Sunday}, From: clock(2, 0), To: clock(4, 0)}}, "Sun 02:00-04:00"},
		{"OK unset", "", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, "MAINTENANCE_WINDOWS="+tt.text)
			if d := cmp.Diff(tt.want, c.MaintenanceWindows); d != "" {
				t.Errorf("windows (-want +got):\n%s", d)
			}
			if !strings.Contains(printed(c), "\nMAINTENANCE_WINDOWS="+tt.shown+"\n") {
				t.Errorf("printed:\n%s", printed(c))
			}
		})
	}
}

// Every method of the table of protocol 0A19 may have a window.
func TestMaintenanceWindowsMethods(t *testing.T) {
	t.Parallel()
	for _, m := range []string{"CA", "RA", "MP", "TC", "HM", "CG", "SG", "BG", "TM", "CP", "PZ", "VA"} {
		if w := load(t, "MAINTENANCE_WINDOWS="+m+" 01:00-02:00").MaintenanceWindows; !slices.Equal(w[0].Methods, []string{m}) {
			t.Errorf("%s: %v", m, w)
		}
	}
}

func TestMaintenanceWindowsErr(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string // what the messages begin with, in order
	}{
		{"03:00-03:00", []string{`holds "03:00-03:00", which begins and ends at the same time`}},
		{"3:00-04:00", []string{`holds "3:00-04:00", where "3:00-04:00" is not from when to when`}},
		{"03:00-4:00", []string{`holds "03:00-4:00", where`}},
		{"03:00-24:00", []string{`holds "03:00-24:00", where`}},
		{"03:60-04:00", []string{`holds "03:60-04:00", where`}},
		{"03:00", []string{`holds "03:00", where`}},
		{"03:00-", []string{`holds "03:00-", where`}},
		{"03:00-04:00-05:00", []string{`holds "03:00-04:00-05:00", where`}},
		{"-", []string{`holds "-", where`}},
		{"03:00 - 04:00", []string{`holds "03:00 - 04:00", where "04:00" is not from`, `holds "03:00 - 04:00", where "03:00" is not methods`, `holds "03:00 - 04:00", where "-" is not days`}},
		{";", []string{`holds "", which has 0 parts`, `holds "", which has 0 parts`}},
		{"03:00-04:00;", []string{`holds "", which has 0 parts`}},
		{"VA, RA Mon 03:00-04:00", []string{`holds "VA, RA Mon 03:00-04:00", which has 4 parts`}},
		{"VB 03:00-04:00", []string{`holds "VB 03:00-04:00", where "VB" is neither methods nor days`}},
		{"Mun 03:00-04:00", []string{`holds "Mun 03:00-04:00", where "Mun" is neither`}},
		{"VA,Mon 03:00-04:00", []string{`holds "VA,Mon 03:00-04:00", where "VA,Mon" is neither`}},
		{"VA, 03:00-04:00", []string{`holds "VA, 03:00-04:00", where "VA," is neither`}},
		{"*,VA 03:00-04:00", []string{`holds "*,VA 03:00-04:00", where "*,VA" is neither`}},
		{"Mon-Mon 03:00-04:00", []string{`holds "Mon-Mon 03:00-04:00", where`}},
		{"Mon- 03:00-04:00", []string{`holds "Mon- 03:00-04:00", where`}},
		{"Mon-Wed-Fri 03:00-04:00", []string{`holds "Mon-Wed-Fri 03:00-04:00", where`}},
		{"Monday 03:00-04:00", []string{`holds "Monday 03:00-04:00", where`}},
		{"Mon VA 03:00-04:00", []string{`holds "Mon VA 03:00-04:00", where "Mon" is not methods`, `holds "Mon VA 03:00-04:00", where "VA" is not days`}},
		{"XX Mun 3-4; 01:00-02:00; 03:00-03:00", []string{
			`holds "XX Mun 3-4", where "3-4"`, `holds "XX Mun 3-4", where "XX"`, `holds "XX Mun 3-4", where "Mun"`, `holds "03:00-03:00", which begins`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			found := faultsOf(t, "MAINTENANCE_WINDOWS="+tt.text)
			if len(found) != len(tt.want) {
				t.Fatalf("%d faults, want %d: %v", len(found), len(tt.want), found)
			}
			for i, fault := range found {
				if fault.Setting != "MAINTENANCE_WINDOWS" || !strings.HasPrefix(fault.Message, tt.want[i]) || !strings.Contains(fault.Message, "; allowed: ") {
					t.Errorf("fault %d is %q, want one that begins %q", i, fault, tt.want[i])
				}
			}
		})
	}
}

// FuzzParseWindow holds that a window which is taken is one that can be, and is
// read again as it is shown.
func FuzzParseWindow(f *testing.F) {
	for _, seed := range []string{"VA,RA Mon-Fri 23:50-00:10", "* Sun 02:00-04:00", "03:00-03:30", "va Sat-Mon,Wed 00:00-23:59", "x", "* * *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, problems := parseWindow(text)
		if len(problems) > 0 {
			return
		}
		const day = 24 * time.Hour
		if w.From < 0 || w.From >= day || w.To < 0 || w.To >= day || w.From == w.To || w.From%time.Minute != 0 || w.To%time.Minute != 0 {
			t.Errorf("%q lasts from %s to %s", text, w.From, w.To)
		}
		for _, m := range w.Methods {
			if !slices.Contains(settlebank.Methods(), m) {
				t.Errorf("%q has the method %q", text, m)
			}
		}
		for i, d := range w.Days {
			if d < time.Sunday || d > time.Saturday || slices.Contains(w.Days[:i], d) {
				t.Errorf("%q has the days %v", text, w.Days)
			}
		}
		again, problems := parseWindow(w.String())
		if d := cmp.Diff(w, again); d != "" || len(problems) > 0 {
			t.Errorf("%q is shown as %q, which is another (-first +again, %v):\n%s", text, w, problems, d)
		}
	})
}

// Windows that leave no time at all would let cancellations wait for ever.
func TestWindowsLeaveTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"00:00-23:59":                           "",
		"00:00-12:00;12:01-00:00":               "",
		"00:00-12:00;12:00-00:00":               "any request",
		"* * 23:00-22:59;22:00-23:30":           "any request",
		"Mon-Sat 00:00-23:59;23:59-00:00":       "",
		"Mon-Fri 12:00-00:00;00:00-12:00":       "",
		"VA 00:00-12:00;12:00-00:00":            "VA",
		"CA,VA 00:00-12:00;RA,VA 12:00-00:00":   "VA",
		"CA 00:00-12:00;RA 12:00-00:00":         "",
		"VA Mon-Sun 06:00-05:00;04:00-07:00":    "VA",
		"VA Sun-Fri 06:00-06:00":                "begins and ends at the same time",
		"VA Mon-Sat 12:00-11:59;VA 11:00-12:30": "",
	} {
		c, err := Load([]string{"MAINTENANCE_WINDOWS=" + text})
		if want == "" {
			if err != nil || len(c.MaintenanceWindows) == 0 {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "faults") {
			t.Errorf("%s: %v, want one that names %s", text, err, want)
		}
	}
}
