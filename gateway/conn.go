package gateway

import (
	"errors"
	"net"
	"sync"
)

// Why a connection takes no request; nothing was written in either case.
var (
	errSealed = errors.New("the connection takes no request any more")
	errSpoken = errors.New("the peer spoke or hung up before the request was written")
)

// conn is a connection (after its TLS handshake) that knows whether a request may have left on it,
// and keeps an answer from being taken for that of a later request.
//
// net/http's reader goroutine serves one request at a time. It calls Read only when nothing it read
// before is left over. So, once a request has claimed the connection:
//   - claim waits until that reader waits in Read. If bytes are left over from the answer before,
//     the reader finds them while no request is pending, and closes the connection instead;
//   - the request is not written if the peer has sent a byte or ended the connection since.
type conn struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond // waiting or ended became true
	waiting bool      // the reader waits in Read
	ended   bool      // closed here, or Read failed
	sealed  bool      // nothing is written any more
	reads   uint64    // Reads that brought something
	quiet   uint64    // reads when the present request claimed the connection
	writes  uint64    // Writes begun
	claimed uint64    // writes when the present request claimed the connection
}

func newConn(inner net.Conn) *conn {
	c := &conn{Conn: inner}
	c.changed.L = &c.mu
	return c
}

// Read reads from the peer.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	c.waiting = true
	c.changed.Broadcast()
	c.mu.Unlock()

	n, err := c.Conn.Read(p)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = false
	if n > 0 {
		c.reads++
	}
	if err != nil {
		c.end()
	}
	return n, err
}

// Write writes to the peer, unless the connection is sealed or no request may begin on it. The
// attempt counts before it is made: of a failed write, some bytes may have left.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.beginWrite(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *conn) beginWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.writes == c.claimed
	switch {
	case c.sealed:
		return errSealed
	case first && (c.ended || c.reads != c.quiet):
		return errSpoken
	}
	c.writes++
	return nil
}

// Close closes the connection.
func (c *conn) Close() error {
	c.mu.Lock()
	c.end()
	c.mu.Unlock()
	return c.Conn.Close()
}

// end records, under mu, that no answer can come any more.
func (c *conn) end() {
	c.ended = true
	c.changed.Broadcast()
}

// claim begins a request, as soon as the reader waits for its answer, and returns a mark for wrote
// and seal.
func (c *conn) claim() (mark uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.waiting && !c.ended {
		c.changed.Wait()
	}
	c.quiet, c.claimed = c.reads, c.writes
	return c.claimed
}

// wrote reports whether a byte of the request with this mark may have left.
func (c *conn) wrote(mark uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes > mark
}

// seal ends writing on the connection, unless the request with this mark has begun to be written,
// which it reports. After false, no byte of the request will ever leave.
func (c *conn) seal(mark uint64) (wrote bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes > mark {
		return true
	}
	c.sealed = true
	return false
}
