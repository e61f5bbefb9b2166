package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// ErrCursor is returned for a cursor that no List or Scan answered.
var ErrCursor = errCursor

// Scanning says what to look for among all that the ledger keeps.
type Scanning struct {
	Match  func(Record) bool // nil is everything
	Cursor string            // where an earlier page ended; "" is the start
	Limit  int               // records a page; 0 is 100
}

// How many keys are looked at, of whatever else is in Redis too.
const (
	scanStep = 1000 // by one SCAN, at most
	scanWork = 5000 // by one call, about
)

// Scan returns some of all cancellations that the ledger keeps, ended ones too, and the cursor of
// the next page, "" at the end. They come in no order, and a page may be short or empty before the
// end. What is there all the while is answered, now and then twice; what comes, goes or moves
// between the nodes of a cluster meanwhile may be missed. With ErrDamaged, which names what cannot
// be read, records and cursor are valid nevertheless.
func (l *Ledger) Scan(ctx context.Context, o Scanning) ([]Record, string, error) {
	if o.Limit <= 0 {
		o.Limit = 100
	}
	at, err := parsePosition(o.Cursor)
	if err != nil {
		return nil, "", err
	}
	nodes, err := l.nodes(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("ledger: scan: %w", err)
	}
	var page scanned
	step := min(o.Limit, scanStep)
	if at.after != "" {
		step = 1 // as it was when the page ended there
	}
	for work := 0; work < scanWork && len(page.records) < o.Limit; work += step {
		n, ok := at.on(nodes)
		if !ok {
			return page.records, "", page.damage
		}
		found, err := n.scan(ctx, at.cursor, step, o.Match)
		if err != nil {
			return nil, "", fmt.Errorf("ledger: scan: %w", err)
		}
		found.records = slices.DeleteFunc(found.records, func(r Record) bool { return at.after != "" && nameOf(r) <= at.after })
		switch count := len(found.records); {
		case len(page.records)+count <= o.Limit:
			page.add(found)
			at = at.follow(found.next)
			if count <= step/4 {
				step = min(4*step, scanStep)
			}
		case len(page.records) > 0:
			return page.records, at.String(), page.damage
		case step > 1:
			step /= 2 // all that a SCAN brings or none of it: asked again it may bring other keys
		default: // a payment with more cancellations than a page has room for
			found.records = found.records[:o.Limit]
			page.add(found)
			at.after = nameOf(found.records[o.Limit-1])
			return page.records, at.String(), page.damage
		}
	}
	return page.records, at.String(), page.damage
}

// position is how far a scan has come: on which node, at which cursor of its SCAN, behind which
// record of what that brings.
type position struct {
	node   string
	cursor uint64
	after  string // nameOf it; "" is none
}

// nameOf puts records in an order that lasts.
func nameOf(r Record) string { return r.MchtID + "\x00" + r.OrgTrdNo + "\x00" + r.Key }

// on returns the node to go on with, and none at the end.
func (p *position) on(nodes []node) (node, bool) {
	i, same := slices.BinarySearchFunc(nodes, p.node, func(n node, name string) int { return cmp.Compare(n.name, name) })
	if i == len(nodes) {
		return node{}, false
	}
	if !same { // done with the one before, or it leads no more
		*p = position{node: nodes[i].name}
	}
	return nodes[i], true
}

func (p position) follow(next uint64) position {
	if next == 0 {
		return position{node: p.node + "\x00"} // the first name behind this one
	}
	return position{node: p.node, cursor: next}
}

func (p position) String() string {
	return strconv.FormatUint(p.cursor, 10) + " " + p.node + " " + strconv.Quote(p.after)
}

func parsePosition(s string) (p position, err error) {
	if s == "" {
		return p, nil
	}
	parts := strings.SplitN(s, " ", 3)
	if len(parts) != 3 {
		return p, ErrCursor
	}
	var wrong, worse error
	p.node = parts[1]
	p.cursor, wrong = strconv.ParseUint(parts[0], 10, 64)
	p.after, worse = strconv.Unquote(parts[2])
	if wrong != nil || worse != nil || p.String() != s {
		return position{}, ErrCursor
	}
	return p, nil
}

// node is a Redis that holds a part of the transactions.
type node struct {
	name string
	rdb  redis.UniversalClient
}

// nodes returns who holds transactions, by name: the masters of a cluster, or the one Redis there
// is.
func (l *Ledger) nodes(ctx context.Context) ([]node, error) {
	cluster, ok := l.rdb.(*redis.ClusterClient)
	if !ok {
		return []node{{rdb: l.rdb}}, nil
	}
	var mu sync.Mutex
	var nodes []node
	err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, node{c.Options().Addr, c})
		return nil
	})
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.name, b.name) })
	return nodes, err
}

// scanned is what SCAN has brought.
type scanned struct {
	records []Record
	damage  error
	next    uint64
}

func (s *scanned) add(more scanned) {
	s.records = append(s.records, more.records...)
	s.damage = errors.Join(s.damage, more.damage)
}

// scan returns what one SCAN brings of about so many keys.
func (n node) scan(ctx context.Context, cursor uint64, step int, match func(Record) bool) (found scanned, err error) {
	var keys []string
	if keys, found.next, err = n.rdb.Scan(ctx, cursor, prefix+"{*}:t:*", int64(step)).Result(); err != nil || len(keys) == 0 {
		return found, err
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	cmds := make([]*redis.StringCmd, len(keys))
	if _, err := n.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			cmds[i] = p.Get(ctx, key)
		}
		return nil
	}); err != nil && !errors.Is(err, redis.Nil) {
		return found, err
	}
	for i, cmd := range cmds {
		raw, err := cmd.Bytes()
		if errors.Is(err, redis.Nil) {
			continue // has ended, and is kept no longer
		}
		if err != nil {
			return found, err
		}
		_, txn, _ := strings.Cut(keys[i], ":t:")
		records, damage := decodeAll(txn, raw)
		for _, r := range records {
			if match == nil || match(r) {
				found.records = append(found.records, r)
			}
		}
		if damage != nil {
			found.damage = errors.Join(found.damage, fmt.Errorf("ledger: scan: %w", damage))
		}
	}
	slices.SortFunc(found.records, func(a, b Record) int { return cmp.Compare(nameOf(a), nameOf(b)) })
	return found, nil
}

// decodeAll returns every record of a transaction; damage to one takes no other with it.
func decodeAll(txn string, raw []byte) (records []Record, err error) {
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("%w: transaction %s: %w", ErrDamaged, txn, err)
	}
	var damaged []error
	for key, s := range doc.C {
		r, err := s.record(placeOf(key, txn), doc.Sum, doc.Round)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		records = append(records, r)
	}
	return records, errors.Join(damaged...)
}
