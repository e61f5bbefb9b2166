package listen

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"settlecancel/gateway/settlebank"
)

// AskWell asks a server whether it is well; its error says that it is not, or cannot be asked.
func AskWell(r *http.Request) error {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DialTLSContext: dialTLS, DisableKeepAlives: true}
	resp, err := (&http.Client{Timeout: 3 * time.Second, Transport: transport}).Do(r)
	if err != nil {
		return fmt.Errorf("not well: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not well: %s answers %s", r.URL, resp.Status)
	}
	return nil
}

// dialTLS verifies whom it talks to, but on this machine: a certificate has the name that others
// call it by. The address decides at each connection, so that no redirect takes the leniency
// elsewhere.
func dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: settlebank.Loopback(addr)}}).DialContext(ctx, network, addr)
}

// Local returns how to reach, from this machine, what listens on addr.
func Local(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
