package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
)

// every stands for all methods or all days.
const every = "*"

// Window is a time of maintenance, in which no request is sent. Its times are
// Korean.
type Window struct {
	// Methods are the payment methods that wait, two capital letters each. Empty
	// is every one, also where a cancellation names none.
	Methods []string
	// Days are those on which the window begins. Empty is every day.
	Days []time.Weekday
	// From and To are times since midnight, below 24 h and never the same. A To
	// before From is on the next day.
	From, To time.Duration
}

// String returns the window as MAINTENANCE_WINDOWS takes it.
func (w Window) String() string {
	var parts []string
	if len(w.Methods) > 0 {
		parts = append(parts, strings.Join(w.Methods, ","))
	}
	if len(w.Days) > 0 {
		days := make([]string, 0, len(w.Days))
		for _, d := range w.Days {
			days = append(days, d.String()[:3])
		}
		parts = append(parts, strings.Join(days, ","))
	}
	return strings.Join(append(parts, clockText(w.From)+"-"+clockText(w.To)), " ")
}

// loadWindows reads MAINTENANCE_WINDOWS, and tells everything that is wrong
// with each window.
func (c *Config) loadWindows(text string, f *faults) {
	if text == "" {
		return
	}
	for _, entry := range strings.Split(text, ";") {
		w, problems := parseWindow(entry)
		for _, problem := range problems {
			f.refuse("MAINTENANCE_WINDOWS", "holds %s, %s", quote(strings.TrimSpace(entry)), problem)
		}
		c.MaintenanceWindows = append(c.MaintenanceWindows, w)
	}
	if f.has("MAINTENANCE_WINDOWS") {
		return
	}
	for _, method := range append([]string{""}, settlebank.Methods()...) {
		if alwaysShut(c.MaintenanceWindows, method) {
			f.refuse("MAINTENANCE_WINDOWS", "leaves no minute of the week to %s", cmp.Or(method, "any request"))
			return
		}
	}
}

// alwaysShut reports whether windows leave a method no time at all. What waits
// for them would wait for ever, and look as if nothing were wrong.
func alwaysShut(windows []Window, method string) bool {
	const week = 7 * 24 * 60
	var shut [week]bool
	for _, w := range windows {
		if len(w.Methods) > 0 && !slices.Contains(w.Methods, method) {
			continue
		}
		length := int(w.To-w.From) / int(time.Minute)
		if length < 0 {
			length += 24 * 60
		}
		for day := range 7 {
			if len(w.Days) > 0 && !slices.Contains(w.Days, time.Weekday(day)) {
				continue
			}
			begin := day*24*60 + int(w.From/time.Minute)
			for minute := range length {
				shut[(begin+minute)%week] = true
			}
		}
	}
	return !slices.Contains(shut[:], false)
}

// parseWindow reads [METHODS] [DAYS] HH:MM-HH:MM.
func parseWindow(entry string) (w Window, problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	fields := strings.Fields(entry)
	if len(fields) == 0 || len(fields) > 3 {
		problem("which has %d parts, and not 1 to 3 (no spaces inside one)", len(fields))
		return Window{}, problems
	}
	last := len(fields) - 1
	if w.From, w.To = parseTimes(fields[last]); w.From < 0 || w.To < 0 {
		problem("where %s is not from when to when", quote(fields[last]))
	} else if w.From == w.To {
		problem("which begins and ends at the same time")
	}
	var known bool
	switch last {
	case 1: // either methods or days: no text is both but the star, which means the same
		if w.Days, known = parseDays(fields[0]); known {
			break
		}
		if w.Methods, known = parseMethods(fields[0]); !known {
			problem("where %s is neither methods nor days", quote(fields[0]))
		}
	case 2:
		if w.Methods, known = parseMethods(fields[0]); !known {
			problem("where %s is not methods", quote(fields[0]))
		}
		if w.Days, known = parseDays(fields[1]); !known {
			problem("where %s is not days", quote(fields[1]))
		}
	}
	return w, problems
}

// parseMethods reads VA,RA or the star, in letters of either case.
func parseMethods(text string) (list []string, ok bool) {
	if text == every {
		return nil, true
	}
	for _, m := range strings.Split(strings.ToUpper(text), ",") {
		if !slices.Contains(settlebank.Methods(), m) {
			return nil, false
		}
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list, true
}

// parseDays reads Mon,Wed or Mon-Fri or the star, in letters of either case. A
// range may pass the week's end: Sat-Mon.
func parseDays(text string) (list []time.Weekday, ok bool) {
	if text == every {
		return nil, true
	}
	for _, part := range strings.Split(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, to := parseDay(first), parseDay(first)
		if isRange {
			to = parseDay(last)
		}
		if from < 0 || to < 0 || (isRange && from == to) { // Mon-Mon: one day, or eight?
			return nil, false
		}
		for day := from; ; day = (day + 1) % 7 {
			if !slices.Contains(list, day) {
				list = append(list, day)
			}
			if day == to {
				break
			}
		}
	}
	return list, true
}

// parseDay returns the day that three letters name, or -1.
func parseDay(text string) time.Weekday {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(text, day.String()[:3]) {
			return day
		}
	}
	return -1
}

// parseTimes reads HH:MM-HH:MM; what is no time is negative.
func parseTimes(text string) (from, to time.Duration) {
	first, last, _ := strings.Cut(text, "-")
	return parseClock(first), parseClock(last)
}

// parseClock reads HH:MM, two digits each, as the time since midnight; what is
// none is negative.
func parseClock(text string) time.Duration {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") { // time.Parse takes hours of one digit too
		return -1
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

func clockText(sinceMidnight time.Duration) string {
	return time.Time{}.Add(sinceMidnight).Format("15:04")
}
