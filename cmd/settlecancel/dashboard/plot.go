package dashboard

import (
	"slices"
	"strconv"
	"time"

	"settlecancel/tasks/ledger"
)

// bar is what ended within one hour, or on one day.
type bar struct {
	From  time.Time
	Label string
	Done  int64 // money went back
	Dead  int64 // became a dead letter, or was given up

	X, Width                             string // percent of the plot's width
	DoneY, DoneHeight, DeadY, DeadHeight int    // pixels
	Tick                                 bool   // its label stands below it
	TickX                                string
}

// bars are those of one plot, in the order of time.
type bars []bar

func newBars(n int, at func(int) (time.Time, string)) bars {
	all := make(bars, n)
	for i := range all {
		all[i].From, all[i].Label = at(i)
	}
	return all
}

// add counts c in the bar that it ended in.
func (all bars) add(c ledger.Counter) {
	after, _ := slices.BinarySearchFunc(all, c.Hour, func(b bar, at time.Time) int {
		if b.From.After(at) {
			return 1
		}
		return -1
	})
	if after == 0 {
		return // before the plot begins
	}
	if b := &all[after-1]; moneyWent(c.Status) {
		b.Done += c.Count
	} else {
		b.Dead += c.Count
	}
}

// plot is a picture of bars, made here, so that no script is needed for it.
type plot struct {
	Name       string // of its texts
	Bars       bars
	Top        int64 // number that the full height stands for
	Done, Dead int64 // of all bars
	Height     int   // of the picture in pixels
	Floor      int   // where the bars stand
	Middle     int
	Half       int64 // number at the middle, 0 where it is none
}

const (
	plotHeight = 120 // of the bars, in pixels
	plotMargin = 14  // above them
	plotFoot   = 22  // below them, for labels
)

// plot gives bars their places; every step-th one is labelled.
func (p *page) plot(name string, all bars, step int) plot {
	x := plot{Name: name, Bars: all, Height: plotMargin + plotHeight + plotFoot, Floor: plotMargin + plotHeight, Middle: plotMargin + plotHeight/2}
	most := int64(0)
	for _, b := range all {
		x.Done += b.Done
		x.Dead += b.Dead
		most = max(most, b.Done+b.Dead)
	}
	x.Top = roundUp(most)
	high := func(n int64) int {
		if n == 0 {
			return 0
		}
		return max(1, int(n*plotHeight/x.Top)) // one is seen beside thousands
	}
	percent := func(n float64) string { return strconv.FormatFloat(n, 'f', 2, 64) + "%" }
	wide := 100 / float64(len(all))
	for i := range all {
		b := &all[i]
		b.X, b.Width = percent(wide*(float64(i)+.12)), percent(wide*.76)
		b.DoneHeight, b.DeadHeight = high(b.Done), high(b.Dead)
		b.DoneY = x.Floor - b.DoneHeight
		b.DeadY = b.DoneY - b.DeadHeight
		b.Tick, b.TickX = i%step == step/2, percent(wide*(float64(i)+.5))
	}
	return x
}

// roundUp returns the next of 2, 4, 6, 10, 20, 40, 60, 100, …: numbers that people read at a glance.
func roundUp(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, step := range []int64{2, 4, 6, 10} {
			if n <= step*unit {
				return step * unit
			}
		}
	}
}
